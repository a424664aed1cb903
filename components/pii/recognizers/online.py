"""Who somebody is on the web: personal URLs, user names."""

from itertools import pairwise, starmap

import regex

from components.pii.ner.gazetteer import are_names, is_full_name
from components.pii.recognizers.rules import Rule, RuleRecognizer, cue_pattern, cue_words

_PROFILE_HOSTS = (
    r"(?:facebook|fb|twitter|instagram|github|gitlab|tiktok|pinterest|medium|threads|snapchat"
    r"|soundcloud|vimeo"
    r"|twitch|flickr|behance|dribbble|vk|xing|telegram|patreon|keybase|venmo|strava)\.(?:com|net|org|tv|me)"
    r"|(?:x\.com|t\.me|discord\.gg|signal\.me|zoom\.us/j|meet\.google\.com|doodle\.com/meeting|about\.me"
    r"|gravatar\.com|ko-fi\.com|onlyfans\.com|letterboxd\.com|goodreads\.com/user|open\.spotify\.com/user"
    r"|steamcommunity\.com/(?:id|profiles)|orcid\.org|researchgate\.net/profile|news\.ycombinator\.com/user"
    r"|stackoverflow\.com/users|meetup\.com/members|etsy\.com/people|ebay\.com/usr|duolingo\.com/profile|wa\.me|paypal\.me|bsky\.app/profile|linktr\.ee|calendly\.com|last\.fm/user|cash\.app)"
)
_PERSONAL_PATH = (
    r"(?i:/(?:in|users?|u|profiles?|people|members?|accounts?|customers?|clients?|patients?|employees?|staff"
    r"|author|channel|c|pub|home|id|orders?|invoices?|tickets?|bookings?|reset|verify|confirm"
    r"|unsubscribe|invite"
    r"|session|auth|activate|track(?:ing)?)/[^\s/?#<>\"']{2})|/[~@][\w.-]{2}|/(?i:user|talk):[^\s/?#<>\"']{2}"
    r"|(?i:/(?:share|shared|s|d|file|files|folders?|docs?|documents?|records?|reports?|results?|claims?|cases?"
    r"|polic(?:y|ies)|pay|payments?|receipts?|checkout|meet|meeting|join|j|rooms?|call|calendar|ical|feed"
    r"|magic|login|signin|password|consent|surveys?|forms?|view|r|m|c|dl|download|p)/"
    r"(?=[\w-]{0,40}?\d)[\w-]{6}|/(?:t|trips?|rides?)/(?=[\w/-]{0,60}?\d)[\w/-]{6})"
)
_PERSONAL_QUERY = (
    r"(?i:[?&#;](?:[a-z]{1,12}[_-])?(?:e?mail|user|username|user_?id|uid|u|name|first_?name"
    r"|last_?name|phone|tel"
    r"|token|access_token|auth|key|api_?key|session|session_?id|sid|jwt|code|secret|sig|signature"
    r"|password|pwd|passcode|meeting_?id|invite|share_?id|recipient|subscriber|contact|patient_?id|booking"
    r"|account|customer|customer_?id|member|patient|order|order_?id|ssn|dob|address|q|lat|lng|id"
    r"|ref|login|to)=[^\s&#]{2})"
)


# Where a person's site is a host of its own.
_SITES = (
    r"(?:github\.io|gitlab\.io|substack\.com|blogspot\.com|wordpress\.com|tumblr\.com|livejournal\.com"
    r"|carrd\.co|wixsite\.com|weebly\.com|bandcamp\.com|itch\.io|deviantart\.com|netlify\.app|neocities\.org"
    r"|myportfolio\.com|bsky\.social|webnode\.page|jimdosite\.com|notion\.site)"
)
_COMPANY_SITES = "(?!(?i:www|help|support|blog|docs|about|pages|status|developer|api|assets|cdn|mail)\\.)"
_PARTS = regex.compile(r"[^\W\d_]{2,}")
_OWN = frozenset({"me", "name"})
_NO_NAME = frozenset({"www", "com", "net", "org", "info", "blog", "site", "home"})


def _is_named(url: str) -> bool | None:
    """False where the host is not called after a person (a given name with a surname, in either order), and
    its last part does not say that it is one's own."""
    host = url.partition("://")[2] or url
    *labels, last = regex.split(r"[/?#:]", host.lower(), maxsplit=1)[0].rstrip(".").split(".")
    if last in _OWN:
        return None
    parts = [part for part in _PARTS.findall(" ".join(labels)) if part not in _NO_NAME]
    if any(map(is_full_name, parts)) or any(starmap(are_names, pairwise(parts))):
        return None
    return False


def urls() -> RuleRecognizer:
    """URLs that lead to one person: user data before the host, a profile, a token or a name in the query, a
    host with a person's name.

    The address of a shop or of an article is nobody's.
    """
    start = r"(?<![\w@/.-])(?:(?i:https?|ftp|ssh|sftp|wss?)://|(?i:www)\.)"
    host = r"[\w-]{1,63}+(?:\.[\w-]{1,63}+){0,10}+(?::\d{1,5})?"
    marks = ("://", "www.", "WWW.", "Www.")

    def where(looks: str, score: float) -> Rule:
        return Rule(pattern=f"{start}{looks}", score=score, marks=marks)

    end = r"(?<![.,;:!?'])"
    tail = r"[^\s<>\"`{}|\\^]{0,2000}"
    return RuleRecognizer(
        "URL",
        [
            Rule(
                pattern=rf"(?i:web ?site|home ?page|profile|linkedin|blog|portfolio|webseite|sitio web"
                rf"|sito)[\"']?[ :=\"']{{1,4}}(?:is )?(?P<v>{start}{tail}){end}",
                score=0.7,
                at=cue_words("website|web|homepage|home|profile|linkedin|blog|portfolio|webseite|sitio|sito"),
            ),
            where(rf"[^\s/@<>\"']{{1,100}}@{tail}{end}", 1.0),
            where(rf"{host}(?=(?:/[^\s/?#<>\"']{{0,100}}){{0,6}}?(?:{_PERSONAL_PATH})){tail}{end}", 0.8),
            where(rf"{host}(?=[^\s<>\"']{{0,500}}?{_PERSONAL_QUERY}){tail}{end}", 0.8),
            where(rf"{host}(?=[^\s<>\"']{{0,500}}?(?:@|%40)){tail}{end}", 0.8),
            Rule(pattern=rf"{start}{host}{tail}{end}", score=0.6, marks=marks, check=_is_named),
            Rule(
                pattern=rf"(?<![\w@.-])(?:(?i:https?)://)?{_COMPANY_SITES}[\w-]{{2,60}}+\.(?i:{_SITES})(?![\w-])"
                rf"{tail}{end}",
                score=0.75,
                marks=(".io", ".com", ".co", ".app", ".org", ".social", ".page", ".site"),
            ),
            Rule(
                pattern=r"(?<![\w@.-])(?:(?i:https?)://)?(?:(?i:www|m|[a-z]{2})\.)?"
                rf"(?i:(?:{_PROFILE_HOSTS})/@?(?!(?:about|help|login|privacy|terms|search"
                rf"|explore)\b)[\w.-]{{3}}"
                rf"|linkedin\.com/(?:in|pub)/[\w%-]{{2}}|youtube\.com/(?:@|user/|c/)[\w-]{{2}}"
                rf"|reddit\.com/u(?:ser)?/[\w-]{{2}})"
                rf"{tail}{end}",
                score=0.85,
                marks=(".com/", ".me/", ".org/", ".net/", ".tv/", ".app/", ".ee/", ".fm/", ".gg/", ".us/"),
            ),
        ],
        name="PersonalUrlRecognizer",
    )


_USER_CUES = """
username|user name|user|userid|user id|login|log in|login name|loginname|handle|screen name|screenname|nick
|nickname|account name|gamertag|alias|uid|benutzername|benutzer|benutzerkennung|anmeldename|nutzername
|utilisateur|nom d'utilisateur|identifiant|pseudo|usuario|nombre de usuario|utente|nome utente|gebruiker
|gebruikersnaam|usuário|nome de usuário|użytkownik|twitter|instagram|insta|ig|telegram|discord|skype|tiktok
|snapchat|snap|github|slack|reddit|steam|mastodon|twitch|venmo|signal|by user|logged in as|username is|acct
|psn|psn id|xbox|xbox live|gamer tag|epic games|battletag|riot id|steam name|steam id|kik|wechat|weixin
|wechat id|line id|bluesky|gitlab|bitbucket|cashtag|cash app|irc|irc nick|matrix|ebay name|chess name
|samaccountname|sam account name|upn|remote user|auth user|ssh user|db user|user login|login id|logon
|logon name|sign in name|signin name|operator id|kennung|benutzer id|anmeldung|inloggningsnamn|användarnamn
|brukernavn|brugernavn|käyttäjätunnus|käyttäjänimi|uživatelské jméno|felhasználónév|korisničko ime
|nazwa użytkownika|nume utilizator|inlognaam|id utente|nick name|pseudonyme
"""
_HANDLE_WORDS = """
twitter|instagram|insta|ig|telegram|discord|tiktok|snapchat|snap|github|slack|handle|follow|following|followed
|dm|tweet|tweeted|tagged|mention|mentioned|cc|username|posted|thanks|reply|message|ping|venmo|mastodon|threads
|folgt|suivez|sígueme|sigue|seguimi|seguici|by|via|from|hey|hi
"""
_BEFORE_HANDLE = (
    "rt|via|h/t|cc|by|dm|ping|hey|hi|hello|ask|tell|contact|message|seen|follow|to|from|thanks|with"
)
_CODE = (
    "(?!(?i:media|type|context|graph|value|vocab|import|charset|font|keyframes|supports|page|override|test|param|return|returns"
    "|property|dataclass"
    "|staticmethod|classmethod|pytest|app|bean|autowired|deprecated|throws|see|since|author|todo"
    "|component|input"
    "|output|injectable|entity|id|column|table|nullable|inject|include|interface|end|abstractmethod|cache"
    "|lru|contextmanager|functools|wraps|types|babel|angular|latest|next|home|work|all|here"
    "|everyone|channel)\\b)"
)


def usernames() -> RuleRecognizer:
    """User names after the words for them, @handles in running text, the owner of a home folder."""
    cues, named = cue_pattern(_USER_CUES), cue_pattern(_USER_CUES.replace("|user|", "|"))
    name = r"@?[A-Za-z0-9_](?:[.-]?\w){1,38}+"
    telling = rf"(?=[\w.-]{{0,38}}?[\d_])(?:{name})"
    plain = (
        r"(?=[\w.@-]{0,38}?[A-Za-z])(?!(?i:name|names|id|is|was|in|to|the|and|or|as|for|has|not|with"
        r"|on|from|agent|data|account|page|interface|error|failed|successful|experience|guide|manual"
        r"|group|support|friendly|only|none|null|true|false|unknown|password|using|at|you|your|details"
        r"|screen|form|button|must|cannot|can|could|should|may|will|needs|contains|already|taken|field)"
        r"(?!\w|[.-]\w))"
    )
    end = r"(?![@(]|\.\w)"  # It is no address and no call.
    return RuleRecognizer(
        "USERNAME",
        [
            Rule(
                pattern=rf"{named}[\"']?\s?(?:[=:]|(?i:is|lautet|est|es|è|was)\b:?|#)\s{{0,2}}[\"'`]?"
                rf"(?P<v>{plain}{name}){end}",
                score=0.76,
                at=cue_words(_USER_CUES),
            ),
            Rule(
                pattern=rf"{cues}(?:[^\w\n.;]{{1,3}}[^\W\d_]{{1,12}}){{0,2}}?[^\w\n.;]{{1,4}}"
                rf"(?P<v>{plain}{telling}){end}",
                score=0.65,
                at=cue_words(_USER_CUES),
            ),
            Rule(
                pattern=rf"(?i:user)(?:=|[\"']?\s?:\s?(?=[\"'])|:\s?(?={telling}))[\"']?"
                rf"(?P<v>{plain}{name}){end}",
                score=0.76,
                at=frozenset({"user"}),
            ),
            Rule(
                pattern=rf"(?i:(?:by|for|invalid|illegal|unknown|of|as) user|username|password for|logged "
                rf"in as|login by)\s(?!(?i:user)\b)(?P<v>{plain}{name}){end}",
                score=0.7,
                at=cue_words("by|for|invalid|illegal|unknown|of|as|username|password|logged|login"),
            ),
            Rule(
                pattern=rf"(?<![\w@./`\\:+-])(?<!\((?!@\w{{2,30}}\)))@{_CODE}[A-Za-z_]\w(?:[\w.]{{0,28}}+)"
                r"(?<!\.)(?![\w@/(:-])",
                score=0.5,
                marks=("@",),
                context=cue_words(_HANDLE_WORDS),
                named=0.8,
            ),
            Rule(
                pattern=r"(?i:(?:posted|opened|reported|reviewed|uploaded) by|reviewer|account)\s{1,2}[\"'`]?"
                rf"(?P<v>(?=[a-z\d.]{{1,24}}_)[a-z]{name}){end}",
                score=0.7,
                at=cue_words("posted|opened|reported|reviewed|uploaded|reviewer|account"),
            ),
            Rule(
                pattern=r"(?:/home/|/Users/|[A-Za-z]:\\{1,2}Users\\{1,2})(?!(?:Shared|Public|Default"
                r"|runner|ubuntu|root|user)\b)(?P<v>[A-Za-z_][\w.-]{1,30})",
                score=0.7,
                marks=("/home/", "/Users/", "\\Users\\"),
            ),
            Rule(
                # A name at a line's start, as chats have it; <PERSON> is what a scrub leaves.
                pattern=r"(?m)^<(?![A-Z][A-Z0-9_]{0,60}>)"
                r"(?!(?i:a|abbr|b|body|br|center|code|dd|div|dl|dt|em|h[1-6]|head|hr|html|i"
                r"|img|li|link|meta|ol|p|pre|script|section|small|span|strong|style|table|tbody|td"
                r"|th|title|tr|u|ul|xml)\b)(?P<v>[A-Za-z][\w.-]{2,30})>(?=\s\S)",
                score=0.6,
                marks=("> ",),
            ),
            Rule(
                pattern=r"(?<=[0-9A-Fa-f]\s-\s)(?P<v>[A-Za-z][\w.-]{1,30})(?=\s\[\d)",
                score=0.75,
                marks=(" - ",),
            ),
            Rule(
                # Behind these words an @ is no decorator, so that more may follow: "RT @ana-b: late again".
                pattern=rf"(?i:{_BEFORE_HANDLE})\s@(?P<v>[A-Za-z_][\w.-]{{1,38}})(?<![.-])(?![@/(])",
                score=0.7,
                at=cue_words(_BEFORE_HANDLE),
            ),
            Rule(
                pattern=r"(?<![\w#&/])(?!(?i:invoice|order|ticket|bug|issue|room|apt|suite|unit|case|ref|no|number"
                r"|gate|flight|lot|item|page|line|step|version|part|receipt|booking|trip|ride|claim|account"
                r"|acct|customer|card|store|shop|job|task|build|run|table|seat|bus|team|class|level|box|id)#)"
                r"(?P<v>[A-Za-z][\w.]{1,31}#\d{4,5})(?![\w-])",
                score=0.5,
                marks=("#",),
                context=cue_words("discord|battletag|battle|riot|gamertag|blizzard|add|username|nick"),
                named=0.8,
            ),
            Rule(
                # The request of a web server's log.
                pattern=r"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (?:/[\w.-]{1,40}){0,4}?"
                r"/(?i:users?|profiles?|u|members?|people|authors?)/"
                r"(?!(?i:me|new|self|login|settings|list|all|search|edit|index|current|register|reset)\b)"
                r"(?P<v>(?=[\w.@%-]{0,60}?[A-Za-z])[\w.@%-]{2,60})",
                score=0.7,
                at=cue_words("get|post|put|patch|delete|head|options"),
            ),
            Rule(
                pattern=r"(?i:uid|euid|gid)=\d{1,10}\((?!(?:root|wheel|users|staff|nobody)\))"
                r"(?P<v>[A-Za-z_][\w.-]{1,31})\)",
                score=0.8,
                at=frozenset({"uid", "euid", "gid"}),
            ),
            Rule(
                pattern=r"(?i:publickey|pam|session opened|session closed) for (?:(?i:user) )?"
                r"(?!(?i:user|root|invalid)\b)(?P<v>[A-Za-z_][\w.-]{1,31})",
                score=0.7,
                at=frozenset({"publickey", "pam", "session"}),
            ),
            Rule(
                # A user of a Windows domain.
                pattern=r"(?<![\w\\/:.-])[A-Z][A-Z\d-]{1,14}\\{1,2}(?P<v>[a-z][\w.-]{2,30})(?![\w\\])",
                score=0.6,
                marks=("\\",),
            ),
            Rule(pattern=r"(?<![\w/])/?u/(?P<v>[A-Za-z][\w-]{2,20})(?![\w/])", score=0.6, marks=("u/",)),
        ],
        name="UsernameRecognizer",
    )


RECOGNIZERS = {"URL": urls, "USERNAME": usernames}
