"""Ways to reach somebody: e-mail addresses, phone numbers, personal URLs, user names."""

import regex

from components.pii.recognizers.rules import CUED, GAP, LINK, Rule, RuleRecognizer, cue_pattern, cue_words

_FILES = frozenset(
    regex.findall(
        r"\w+",
        """
    png jpg jpeg gif svg webp css js ts py json html htm pdf txt md yml yaml
    """,
    )
)


def _is_no_file(address: str) -> bool | None:
    """False for a file's name such as ``icon@2x.png``."""
    return False if address.rpartition(".")[2].lower() in _FILES else None


def emails() -> RuleRecognizer:
    """E-mail addresses, also in other scripts, at an IP address, or in an intranet."""
    local = r"(?<![\w.+%&'*/=!-])[\w.+%&'*/=!~-]{1,64}+(?<!\.)"
    host = r"[\p{L}\d](?:[\p{L}\d-]{0,62}+)(?:\.[\p{L}\d](?:[\p{L}\d-]{0,62}+)){0,8}+"
    return RuleRecognizer(
        "EMAIL_ADDRESS",
        [
            Rule(
                pattern=r"[\w+%&*/=!~-](?:[\w.+%&'*/=!~-]{0,63}+)(?<!\.)@(?=[\w.-]{1,253}?\.\p{L}{2})"
                + host
                + r"(?<=\.(?:\p{L}{2,24}|xn--[\w-]{1,30}))",
                score=1.0,
                marks=("@",),
                check=_is_no_file,
            ),
            Rule(pattern=local + r"@\[?\d{1,3}(?:\.\d{1,3}){3}\b\]?", score=0.7, marks=("@",)),
        ],
        name="EmailAddressRecognizer",
    )


_PHONE_CUES = """
phone|phones|telephone|tel|teléfono|telefono|téléphone|telefon|telefonnummer|telefoon|telefone|fon|fono|cell
|cellphone|cellular|mobile|mobil|mobilnummer|my number|my number is|new number|mobiltelefon|mobiel|móvil
|movil|portable|celular|cellulare|handy|handynummer|rufnummer|call|called|text|texted|sms|whatsapp|fax|dial
|ring|reach|reached|contact|contacto|callback|hotline|landline|appeler|appelez|appelle|llamar|llame|llámame
|chiamare|chiama|anrufen|rufen|numéro de téléphone|número de teléfono|numero di telefono|msisdn|ph|mob|gsm
|komórka|numer telefonu|puhelin|puhelinnumero|tlf|puh|phone number|telephone number|signal|viber
"""
_EXTENSION = r"(?:[\s,]{0,2}(?i:x|ext\.?|extension|durchwahl|dw|poste|int\.)[\s.:]{0,2}\d{1,6}(?!\d))?"
_NOT_BEFORE = r"(?<![\w.,/$€£¥#@-])(?<!\d[:=])(?<!\d )(?<![$€£¥] )"
_NOT_AFTER = r"(?![\w@%€$£]|[./:,-]\d| ?[€$£%])"
_SEP = r"[ .\u2011-]"
_NO_DATE = (
    r"(?!(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ]\d{1,2}(?![-./ ]?\d)"
    r"|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)?\d\d(?![-./ ]?\d)|\d{3,4}/(?:19|20)\d\d(?!\d))"
)


def phones() -> RuleRecognizer:
    """Phone numbers: by ``+`` or ``00``, by a country's way of grouping them, or by a word before them.

    Presidio's own recogniser asks the phonenumbers package region by region, at 2 ms for each text.
    """
    cues = cue_pattern(_PHONE_CUES)
    words = cue_words(_PHONE_CUES)
    cued = r"(?:\+|00)?\(?\d(?:[ ().\u2011/-]{0,3}\d){6,14}+"

    def rule(pattern: str, score: float, digits: int = 7) -> Rule:
        return Rule(
            pattern=_NOT_BEFORE + _NO_DATE + pattern + _EXTENSION + _NOT_AFTER,
            score=score,
            digits=digits,
            context=words,
            named=max(score, 0.8),
        )

    return RuleRecognizer(
        "PHONE_NUMBER",
        [
            # After a word: any grouping of 7 to 15 digits that is no date.
            Rule(
                pattern=rf"{cues}{LINK}{_NO_DATE}(?P<v>{cued}{_EXTENSION})(?![\w@]|[-./:,]\d)",
                score=CUED,
                at=words,
            ),
            Rule(
                pattern=rf"{cues}{GAP}{_NO_DATE}(?<![$€£\d.,:])(?P<v>{cued}{_EXTENSION}){_NOT_AFTER}",
                score=0.6,
                at=words,
            ),
            # International: +CC and groups.
            Rule(
                pattern=r"(?<![\w+])\+\d{1,3}(?=(?:[ ().\u2011/-]{0,3}\d){6,13}(?!\d))"
                r"(?:[ .\u2011/-]{0,2}\(?\d{1,12}\)?){1,7}" + _EXTENSION + r"(?![\w@])",
                score=CUED,
                digits=7,
            ),
            rule(r"(?<!\d)00[1-9]\d{0,2}(?:[ .-]\(?\d{2,5}\)?){2,6}", 0.75),
            # North America.
            rule(rf"(?:(?:\+|00)?1{_SEP}?)?(?:\(\d{{3}}\)[ -]?|\d{{3}}{_SEP})\d{{3}}{_SEP}\d{{4}}", 0.8, 10),
            rule(rf"(?:(?:\+|00)?1{_SEP})?\(?[2-9]\d{{2}}\)?{_SEP}?[2-9]\d{{6}}", 0.5, 10),
            rule(r"(?:00)?1[2-9]\d{2}[2-9]\d{6}", 0.4, 11),
            rule(r"00[1-9]\d{9,13}", 0.6, 11),
            rule(r"[5-9]\d{2}([.])\d{2}\1\d{2}\1\d{2}|[5-9]\d{2}([.])\d{3}\2\d{3}", 0.5, 9),
            # An area code in parentheses, or with a trunk 0, and the rest in groups.
            rule(r"\(\+?0?\d{1,5}\)[ /-]{0,3}\d{2,9}(?:[ /-]{1,3}\d{2,5}){0,4}", 0.75, 7),
            rule(r"0\d{1,5}(?: ?/ ?|[ .-])\d{2,9}(?:[ -]\d{1,4}){0,3}", 0.7, 8),
            rule(r"0\d(?:([ .-])\d{2})(?:\1\d{2}){3}", 0.8, 10),
            rule(r"0\d{1,4}([ .-])\d{2,4}\1\d{2,4}(?:\1\d{2,4})?", 0.7, 8),
            rule(r"0[1-9]\d{8,9}", 0.5, 10),
            # Mobile numbers as India, Spain, Portugal, Poland, Italy, Brazil, Nordic countries write them.
            rule(r"[6-9]\d{4}[ -]\d{5}", 0.6, 10),
            rule(r"\d{2} \d{3} \d{2} \d{2}", 0.6, 9),
            rule(r"[5-9]\d{2}([ -])\d{3}\1\d{3}", 0.4, 9),
            rule(r"[679]\d{2}(?:([ -])\d{2})(?:\1\d{2}){2}", 0.6, 9),
            rule(r"3\d{2}[ -]\d{6,7}", 0.6, 9),
            rule(r"\d{2} 9?\d{4}-\d{4}", 0.6, 10),
            rule(r"9?\d{4}-\d{4}(?<=9\d{4}-\d{4})", 0.4, 8),
            rule(r"1[3-9]\d{9}", 0.4, 11),
        ],
        name="PhoneNumberRecognizer",
    )


_PROFILE_HOSTS = (
    r"(?:facebook|fb|twitter|instagram|github|gitlab|tiktok|pinterest|medium|threads|snapchat"
    r"|soundcloud|vimeo"
    r"|twitch|flickr|behance|dribbble|vk|xing|telegram|patreon|keybase|venmo|strava)\.(?:com|net|org|tv|me)"
    r"|(?:x\.com|t\.me|wa\.me|paypal\.me|bsky\.app/profile|linktr\.ee|calendly\.com|last\.fm/user|cash\.app)"
)
_PERSONAL_PATH = (
    r"(?i:/(?:in|users?|u|profiles?|people|members?|accounts?|customers?|clients?|patients?|employees?|staff"
    r"|author|channel|c|pub|home|id|orders?|invoices?|tickets?|bookings?|reset|verify|confirm"
    r"|unsubscribe|invite"
    r"|session|auth|activate|track(?:ing)?)/[^\s/?#<>\"']{2})|/[~@][\w.-]{2}"
)
_PERSONAL_QUERY = (
    r"(?i:[?&#;](?:[a-z]{1,12}[_-])?(?:e?mail|user|username|user_?id|uid|u|name|first_?name"
    r"|last_?name|phone|tel"
    r"|token|access_token|auth|key|api_?key|session|session_?id|sid|jwt|code|secret|sig|signature"
    r"|password|pwd"
    r"|account|customer|customer_?id|member|patient|order|order_?id|ssn|dob|address|q|lat|lng|id"
    r"|ref|login|to)=[^\s&#]{2})"
)


def urls() -> RuleRecognizer:
    """URLs that lead to one person: user data before the host, a profile, a token or a name in the query.

    The address of a shop or of an article is nobody's.
    """
    start = r"(?<![\w@/.-])(?:(?i:https?|ftp|ssh|sftp|wss?)://|(?i:www)\.)"
    host = r"[\w.-]{1,253}+(?::\d{1,5})?"

    def where(looks: str, score: float) -> Rule:
        return Rule(pattern=f"{start}{looks}", score=score, marks=("://", "www.", "WWW.", "Www."))

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
            Rule(
                pattern=r"(?<![\w@.-])(?:(?i:https?)://)?(?:(?i:www|m|[a-z]{2})\.)?"
                rf"(?i:(?:{_PROFILE_HOSTS})/@?(?!(?:about|help|login|privacy|terms|search"
                rf"|explore)\b)[\w.-]{{3}}"
                rf"|linkedin\.com/(?:in|pub)/[\w%-]{{2}}|youtube\.com/(?:@|user/|c/)[\w-]{{2}}"
                rf"|reddit\.com/u(?:ser)?/[\w-]{{2}})"
                rf"{tail}{end}",
                score=0.85,
                marks=(".com/", ".me/", ".org/", ".net/", ".tv/", ".app/", ".ee/", ".fm/"),
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
"""
_HANDLE_WORDS = """
twitter|instagram|insta|ig|telegram|discord|tiktok|snapchat|snap|github|slack|handle|follow|following|followed
|dm|tweet|tweeted|tagged|mention|mentioned|cc|username|posted|thanks|reply|message|ping|venmo|mastodon|threads
|folgt|suivez|sígueme|sigue|seguimi|seguici|by|via|from|hey|hi
"""
_CODE = (
    "(?!(?:media|import|charset|font|keyframes|supports|page|override|test|param|return|returns"
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
        r"|screen|form|button|button)\b)"
    )
    return RuleRecognizer(
        "USERNAME",
        [
            Rule(
                pattern=rf"{named}[\"']?\s?(?:[=:]|(?i:is|lautet|est|es|è|was)\b:?|#)\s{{0,2}}[\"'`]?"
                rf"(?P<v>{plain}{name})(?![@(]|\.\w)",
                score=0.76,
                at=cue_words(_USER_CUES),
            ),
            Rule(
                pattern=rf"{cues}(?:[^\w\n.;]{{1,3}}[^\W\d_]{{1,12}}){{0,2}}?[^\w\n.;]{{1,4}}"
                rf"(?P<v>{plain}{telling})(?![@(]|\.\w)",
                score=0.65,
                at=cue_words(_USER_CUES),
            ),
            Rule(
                pattern=rf"(?i:user)(?:=|[\"']?\s?:\s?(?=[\"'])|:\s?(?={telling}))[\"']?"
                rf"(?P<v>{plain}{name})(?![@(]|\.\w)",
                score=0.76,
                at=frozenset({"user"}),
            ),
            Rule(
                pattern=rf"(?i:(?:by|for|invalid|illegal|unknown|of|as) user|username|password for|logged "
                rf"in as|login by)\s(?!(?i:user)\b)(?P<v>{plain}{name})(?![@(]|\.\w)",
                score=0.7,
                at=cue_words("by|for|invalid|illegal|unknown|of|as|username|password|logged|login"),
            ),
            Rule(
                pattern=rf"(?<![\w@./`\\(:+-])@{_CODE}[A-Za-z_]\w(?:[\w.]{{0,28}}+)(?<!\.)(?![\w@/(:-])",
                score=0.5,
                marks=("@",),
                context=cue_words(_HANDLE_WORDS),
                named=0.8,
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
            Rule(pattern=r"(?<![\w/])/?u/(?P<v>[A-Za-z][\w-]{2,20})(?![\w/])", score=0.6, marks=("u/",)),
        ],
        name="UsernameRecognizer",
    )


RECOGNIZERS = {"EMAIL_ADDRESS": emails, "PHONE_NUMBER": phones, "URL": urls, "USERNAME": usernames}
