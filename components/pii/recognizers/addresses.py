"""Street addresses as several countries write them, and postcodes.

House number first (the English-speaking countries, France), street type first (the Romance languages,
Polish), or the street in one word and then the number (German, Dutch, the Nordic languages). What follows,
a flat, a district, a postcode with its town, a country, belongs to the address, also over several lines.
"""

from components.pii.recognizers.dates import MONTH
from components.pii.recognizers.rules import Rule, RuleRecognizer, cue_pattern, cue_words

# USPS Publication 28, appendix C1: the street suffixes and their abbreviations; then British and Indian.
_SUFFIXES = """
    Alley Aly Annex Anx Arcade Arc Avenue Ave Av Bayou Beach Bch Bend Bnd Bluffs? Bottom Boulevard Blvd
    Branch Bridge Brg Brooks? Burgs? Bypass Byp Camp Canyon Cape Causeway Cswy Centers? Ctr Circles? Cir
    Cliffs? Club Common Commons Corners? Cor Courts? Ct Cts Course Coves? Cv Creek Crk Crescent Cres
    Crest Crossing Xing Crossroads? Curve Dale Dam Divide Drives? Dr Estates? Est Expressway Expy
    Extensions? Ext Falls? Ferry Fields? Flats? Fords? Forest Forges? Forks? Fort Ft Freeway Fwy
    Gardens? Gdns Gateway Gtwy Glens? Greens? Groves? Harbors? Haven Heights Hts Highway Hwy Hills?
    Hollow Inlet Islands? Isle Junctions? Keys? Knolls? Lakes? Land Landing Lane Ln Lights? Loaf Locks?
    Lodge Loop Mall Manors? Meadows? Mews Mills? Mission Motorway Mount Mt Mountains? Neck Orchard Oval
    Overpass Parks? Parkways? Pkwy Pass Passage Path Pike Pines? Place Pl Plains? Plaza Plz Points? Pt
    Ports? Prairie Radial Ramp Ranch Rapids? Rest Ridges? River Roads? Rd Route Rte Row Rue Run Shoals?
    Shores? Skyway Springs? Spurs? Squares? Sq Station Sta Stravenue Stream Streets? St Summit Terrace
    Ter Tce Throughway Trace Track Trafficway Trail Trl Trailer Tunnel Turnpike Tpke Underpass Unions?
    Valleys? Via Viaduct Views? Villages? Ville Vista Walks? Wall Ways? Wells? Close Cl Parade Pde
    Esplanade Wharf Yard Rise Vale Bazaar Marg Chowk Nagar Colony Ganj Circus Circuit Cct Quay Wynd
    """
_CLEAR = (
    "(?i:street|road|avenue|lane|drive|boulevard|court|terrace|crescent|close|gardens|mews|grove"
    "|parkway|highway"
    "|square|isle|islands?|mall|plains?|ports?|rapids|shoals?|shores?|skyway|springs?|streets?"
    "|throughway|trace"
    "|track|trafficway|trail|tunnel|turnpike|underpass|unions?|valleys?|via|views?|ville|village"
    "|vista|walks?|wells?"
    "|summit|stream|spurs?|roads?|rd|st|ave|ridges?|ranch|ramp|radial|prairie|plaza|pine|passage"
    "|parks|orchard|manors?"
    "|meadows?|locks?|loaf|knolls?|keys?|junctions?|inlet|hollow|harbors?|heights|groves?|glens?"
    "|gateway|forges?|flats"
    "|ferry|estates?|expressway|crossroad|crossing|coves?|corners?|cliffs?|circles?|causeway"
    "|canyon|bypass|burgs?|brooks?"
    "|bluffs?|bayou|alley)"
)
# A stop after a suffix belongs to it only where the sentence goes on.
_SUFFIX = (
    "(?:"
    + "|".join(_SUFFIXES.split())
    + rf"|{_CLEAR})\b(?:\.(?=,|\s{{1,3}}(?:[\p{{Ll}}\d#]|Apt|Suite|Ste|Unit|Fl)))?"
)
_COMPASS = r"(?:[NSEW]\.?|[NS][EW]|North|South|East|West|Upper|Lower|Old|New)"
_WORD = (
    rf"(?!{MONTH}\s\d|(?:Mg|Ml|Kg|Cm|Mm|X|Dropoff|Pickup)\b)(?:\p{{Lu}}(?:\p{{L}}?\."
    rf"|[\p{{L}}'\u2019-]{{0,30}}+)|\d{{1,3}}(?:st|nd|rd|th)|of|the)"
)
_UNIT = (
    r"(?:(?i:apt|apartment|suite|ste|unit|floor|fl|flat|room|rm|studio|bldg|building|block|tower"
    r"|lot|level|top floor|piso|puerta|pta|esc|bloque|planta|étage|bât|bâtiment|appartement|appt"
    r"|scala|interno|int|piano|bloco|apto|ap|sala|lok|m|wohnung|whg|stock|og|eg|bus"
    r"|p\.?o\.?\s?box)\b\.?\s{0,2}#?\s{0,2}(?=[\w/-]{0,5}\d|[A-Za-z](?!\w))[\w/-]{1,6}"
    r"|(?i:no|nr)\.\s?\d{1,5}|#\s?\w{1,6}|\d{1,2}\s?(?:[ºª°]|[oa](?=\s))\s?(?:[A-Za-z]{1,8})?|(?i:\d{1,2}(?:st|nd"
    r"|rd|th) floor|bajo|ático|left|right|izq|dcha|izda)\b\.?)"
)
_STATE = (
    "(?:A[KLRZAEP]|C[AOT]|D[CE]|FL|FM|G[AU]|HI|I[ADLN]|K[SY]|LA|M[ADEHINOPST]|N[CDEHJMVY]|O[HKR]"
    "|P[ARW]|RI|S[CD]|T[NX]"
    "|UT|V[AIT]|W[AIVY]|AS|NSW|VIC|QLD|TAS|ACT|NT|ON|QC|BC|AB|MB|SK|NS|NB|NL|PE|YT|NU)"
)
_ZIP = r"\d{5}(?:-\d{4})?"
UK_POSTCODE = r"(?:[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[a-z]{1,2}\d[a-z\d]? \d[a-z]{2})"
CA_POSTCODE = r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]?\d[ABCEGHJ-NPRSTV-Z]\d"
_PLACE = (
    r"(?!(?i:tel|phone|fax|mobile|receipt|dropoff|drop|pickup|pick|order|date|to|from|total|and|total"
    r"|arrival|departure|confirmation)\b)\p{Lu}[\p{L}.'\u2019-]{1,30}+(?:[ /-](?:(?:de|del|la|las|los"
    r"|el|do|da|dos|das|di|am|an|der|im|in|ob|bei|sur|sous|en|le|les|lès|upon|on|aan|den|het|of|the"
    r"|under|y|d'|a)[ ]){0,2}\p{Lu}[\p{L}.'\u2019-]{0,30}+){0,3}"
)
_NUMERIC_CODE = (
    r"(?:(?:[A-Z]{1,2}-)?(?:\d{5}-\d{3,4}|\d{2}-\d{3}|\d{3} \d{2}|\d{4} ?(?:[A-Z]{2}|[a-z]{2})"
    r"(?![A-Za-z])|\d{3} \d{3}|\d{4,6}))(?!\d)"
)
_LETTER_CODE = (
    rf"(?:(?i:{_STATE}),?\s{{1,2}}{_ZIP}(?!\d)|{_STATE}\s{{1,2}}\d{{4}}(?!\d)"
    rf"|{_STATE},?\s{{0,2}}{CA_POSTCODE}(?!\w)|{UK_POSTCODE}(?!\w)|{CA_POSTCODE}(?!\w)|\d{{6}}(?!\d))"
)
_CODE = (
    rf"(?:(?i:{_STATE}),?\s{{1,2}}{_ZIP}(?!\d)|{_STATE}\s{{1,2}}\d{{4}}(?!\d)"
    rf"|{_STATE},?\s{{0,2}}{CA_POSTCODE}(?!\w)|{UK_POSTCODE}(?!\w)|{CA_POSTCODE}(?!\w)|{_NUMERIC_CODE})"
)
_COMMA = r"(?:\s{0,2}[,;|]\s{0,3}|[ \t]{0,3}\r?\n\s{0,6}|\s[\u2013-]\s|\\n)"
_COUNTRY = (
    r"(?:United States(?: of America)?|USA|U\.S\.A\.|United Kingdom|UK|England|Scotland|Wales|Northern"
    r" Ireland|Ireland|Australia|Canada|India|Germany|Deutschland|Austria|Österreich|Switzerland"
    r"|Schweiz|France|Spain|España|Italy|Italia|Netherlands|Nederland|Portugal|Brazil|Brasil|Poland"
    r"|Polska|Belgium|Belgique|België|Sweden|Sverige|Norway|Norge|Denmark|Danmark|Finland|Suomi"
    r"|Singapore|New Zealand|South Africa|Mexico|México|Argentina)\b"
)
_LABELS = (
    r"(?!(?i:phone|tel|telephone|e-?mail|mail|fax|mobile|dob|date|attn|thank|thanks|kind|regards|order"
    r"|invoice|name|customer|receipt|drop|dropoff|pick|pickup|arrival|departure|confirmation|total"
    r"|from|to|at|my|total|paid|card|cashier|served|order|ref|ssn|trip|visa|cash|item|qty)\b)"
)
_PART = (
    rf"{_LABELS}(?:[\p{{Lu}}\d][\p{{L}}\d.'\u2019-]{{0,24}}+)(?:[ /]{_LABELS}(?:(?:de|la|del|do|da|dos"
    rf"|of|the|am|an|der|y|e)\s)?[\p{{Lu}}\d][\p{{L}}\d.'\u2019-]{{0,24}}+){{0,4}}"
)
_TAIL = (
    rf"(?:(?:{_COMMA}|\s){_UNIT}){{0,3}}"
    rf"(?:(?:{_COMMA}{_PART}){{0,3}}?(?:{_COMMA}|\s)"
    rf"(?:{_CODE}(?:(?:\s{{1,2}}|,\s){_PLACE}(?:\s?\([A-Z]{{2}}\)|\s[A-Z]{{2}}(?!\w)"
    rf"|\s?[/,-]\s?[A-Z]{{2}}(?!\w))?)?"
    rf"|(?<!\s){_PLACE}(?:{_COMMA}|\s{{1,2}}){_CODE}(?:\s{_PLACE}\s?\([A-Z]{{2}}\))?"
    rf"|{_PLACE}(?:{_COMMA}|\s{{1,2}}){_LETTER_CODE}"
    rf"|{_PLACE},\s{{1,2}}{_STATE}(?!\w))"
    rf"(?:{_COMMA}{_COUNTRY}|\s{_COUNTRY})?)?"
)
_HOUSE = r"(?<![\w$€£.,#/:-])\d{1,6}(?:\s?[A-Za-z](?![\p{L}])|[-/\u2013]\d{1,4}[A-Za-z]?)?"
_NUMBER = (
    r"(?:(?i:n[º°o]\.?|nr\.?|núm\.?|num\.?|number|no\.)\s{0,2})?\d{1,5}(?:\s?[A-Za-z](?![\p{L}]))?"
    r"(?:\s?[-/\u2013+]\s?\d{1,4}\s?[A-Za-z]?(?!\p{L}))?(?!\d)"
)

_TYPES_FR = (
    "rue|avenue|av|boulevard|bd|boul|place|pl|chemin|ch|allée|allee|impasse|quai|route|rte|cours"
    "|square|passage|faubourg|fbg"
    "|sentier|villa|résidence|lotissement|voie|esplanade|cité|hameau|ruelle|montée"
)
_TYPES_FIRST = """
calle|c /|cl|avenida|avda|av|avd|plaza|pza|pl|paseo|pº|camino|carretera|ctra|ronda|cuesta|glorieta|pasaje
|callejón|vial|cañada|acceso|alameda|urbanización|pasadizo|rambla|travesía|callejon|acceso|vía|via|viale
|piazza|p zza|corso|c so|largo|vicolo|strada|contrada|piazzale|borgo|lungomare|lungotevere|canale|rotonda
|incrocio|stretto|salita|rua|r.|avenida|travessa|tv|praça|praca|estrada|rodovia|quinta|viela|vale|loteamento
|conjunto|condomínio|ladeira|lago|lagoa|núcleo|parque|residencial|setor|sítio|trecho|trevo|vereda|vila
|viaduto|aeroporto|área|campo|chácara|colônia|distrito|esplanada|estação|favela|fazenda|feira|jardim|morro
|pátio|passarela|recanto|ul|ulica|al.|aleja|aleje|plac|os.|osiedle|skwer|bulwar|rondo|rue|avenue|boulevard
|chemin|allée|impasse|quai|cours|privada|prolongación|calzada|andador|boulevar|circuito|cerrada|retorno
|diagonal|peatonal|circunvalación|periférico|ampliación|continuación|corredor|eje|callejuela
"""
_COMPOUND = (
    "straße|strasse|str|strase|weg|platz|allee|gasse|ring|damm|ufer|stieg|steig|pfad|chaussee"
    "|markt|hof|graben|tor|berg|stein|park|wall|zeile|kamp|twiete"
    "|straat|laan|plein|gracht|kade|dijk|singel|dreef|steeg|baan|pad|hof|lei|boulevard|gatan"
    "|vägen|gränd|stigen|torget|vej|gade|vænget|veien"
    "|veg|gata|gate|katu|tie|kuja|polku|kaari|allé|plads|backen|stræde"
)


def _houses_first() -> list[Rule]:
    """House number, name, suffix; the flat, the town, the state or county, the postcode."""
    start = rf"{_HOUSE}(?:,\s{{1,3}}|[^\S\n]{{1,3}})"
    words = rf"(?:{_COMPASS}\s{{1,2}})?(?:{_WORD}\s{{1,3}}){{1,4}}?"
    flat = (
        rf"(?<!\w)(?:{_UNIT}|(?i:flat|plot|house|shop|villa|office)\s\d{{1,5}}|(?i:h\.?\s?no\.?|house"
        rf"(?: no\.?)?|plot(?: no\.?)?|door no\.?)\s?[\d/-]{{1,8}}){_COMMA}(?:\p{{Lu}}[\p{{L}}' "
        rf"]{{2,30}}{_COMMA})?"
    )
    french = (
        r"(?<![\w$€£.,/-])\d{1,4}(?:\s?(?:bis|ter|quater|[A-Da-d])(?!\w))?,?\s{1,2}"
        rf"(?i:{_TYPES_FR})\.?\s{{1,2}}(?!(?:is|of|and|the|in|on|for)\b)(?:(?:de|du|des|da|do|di"
        rf"|von|van|la|le|les|l['\u2019]|d['\u2019]|aux?|et|en|sur"
        rf"|à)\s?){{0,3}}[\p{{Lu}}\d][\p{{L}}\d.'\u2019-]{{0,30}}+(?:[ -](?:(?:de|du|des|la|le|les"
        rf"|et|sur|d['\u2019]|l['\u2019])\s?){{0,2}}[\p{{Lu}}][\p{{L}}'\u2019.-]{{0,30}}+){{0,4}}"
    )
    cues = "from|to|at|near|address|between|lives|living|street|home|deliver|addr|location|adresse"
    cue = (
        rf"(?i:{cues})(?:[^\w\n]{{0,3}}(?i:line|street|is|was|1|to|at|the"
        rf"|address)\b){{0,2}}[\"']?:?[\s\"']{{1,3}}"
    )
    flat = rf"(?:{flat}|(?i:(?:flat|plot|house|apt|apartment|unit|shop|villa|door|h\.?)(?: ?no\.?)?)\s)"
    code = rf"(?:{UK_POSTCODE}|{_STATE}\s{{1,2}}{_ZIP}|{CA_POSTCODE}|{_PLACE}\s?[-\u2013, ]\s?\d{{6}})(?!\w)"
    return [
        Rule(
            pattern=rf"{start}{words}{_SUFFIX}(?:\s{_COMPASS}\b)?",
            score=0.85,
            digits=1,
            anchored=True,
            lead=flat,
            tail=_TAIL,
        ),
        Rule(pattern=french, score=0.85, digits=1, anchored=True, tail=_TAIL),
        Rule(
            pattern=rf"{start}{_WORD}(?:\s{{1,2}}{_WORD}){{0,3}},?\s{{1,3}}(?={_UNIT}(?<=\d|\W[A-Z]|\w))(?!"
            rf"(?i:left|right|(?:no|nr)\.)){_UNIT}",
            score=0.8,
            digits=1,
            anchored=True,
            tail=_TAIL,
        ),
        Rule(
            pattern=rf"{cue}(?P<v>{start}(?:{_COMPASS}\s{{1,2}})?(?!(?:st|nd|rd|th|AM|PM|am|pm|a"
            rf"|p)\b){_WORD}(?:(?<!\.)\s{{1,2}}{_WORD}){{0,2}})",
            score=0.6,
            at=cue_words(cues),
            tail=_TAIL,
        ),
        Rule(
            pattern=rf"{_HOUSE},?\s{{1,3}}{_PLACE}(?:\s{{1,2}}{_WORD}){{0,2}}"
            rf"(?:{_COMMA}{_PART}){{1,3}}?{_COMMA}?\s{{0,2}}{code}",
            score=0.7,
            digits=1,
            anchored=True,
            lead=flat,
        ),
    ]


def _types_first() -> list[Rule]:
    """Street type, name, number: Calle, Via, Rua, ulica and their like."""
    types = cue_pattern(_TYPES_FIRST)
    word = r"(?:\p{Lu}[\p{L}.'\u2019ªº-]{0,30}+|\d{1,2}(?:\s(?:de|di|Maja|Lutego|[\p{Lu}]\p{L}{2,12})))"
    link = (
        r"(?:(?:de|del|della|dello|delle|dei|degli|dell['\u2019]|di|van|von|der|den|do|da|dos|das|la"
        r"|las|los|el|le|les|l['\u2019]|d['\u2019]|du|des|y|e|et|i|san|im|gen\.|ks\.|św\.|prof\.|dr\.?"
        r"|mar\.|of)\s?){0,4}"
    )
    body = rf"\.?\s{{0,2}}{link}{word}(?:[ -]{link}{word}){{0,5}}?"
    number = (
        rf"(?:(?:,\s{{0,3}}|\s{{1,3}}(?:,\s)?){_NUMBER}(?![.,]\d|\s?(?:[%€$£]|(?:km|mi|miles|min"
        rf"|minutes|kg|am|pm)\b)|:\d)|,\s{{0,2}}(?i:s/n|sn)(?!\w))"
    )
    return [Rule(pattern=rf"{types}{body}{number}", score=0.82, at=cue_words(_TYPES_FIRST), tail=_TAIL)]


def _compounds() -> list[Rule]:
    """The street in one word, or behind a preposition, and then the number: German, Dutch, Nordic."""
    number = (
        r"\d{1,4}(?:\s?[a-zA-Z](?!\p{L}))?(?:\s?[-/\u2013]\s?\d{1,4}\s?[a-zA-Z]?(?!\p{L}))?(?![\d%€$£]"
        r"|[.,:]\d|\s?(?:%|€|Euro|EUR|km|m|Uhr|kg|Jahre|Tage)\b)"
    )
    floor = r"(?:\s[A-Z]\s\d{1,3}(?!\d)|,?\s\d\.?\s?(?:tv|th|mf|sal|OG|Stock)\b\.?)?"
    behind = "am|an|auf|im|in|zum|zur|unter|hinter"
    town = (
        rf"(?:[A-Z]{{1,2}}-)?(?:\d{{5}}|\d{{4}} ?(?:[A-Z]{{2}}|[a-z]{{2}})(?=\s)|\d{{4}}|\d{{3}} "
        rf"\d{{2}}|\d{{2}}-\d{{3}})\s{{1,2}}{_PLACE}"
    )
    return [
        Rule(
            pattern=rf"(?=\p{{Lu}})\p{{L}}{{0,40}}?(?i:{_COMPOUND})(?:\.(?=\s)|(?!\p{{L}})),?\s{{1,2}}"
            rf"{number}{floor}",
            score=0.8,
            digits=1,
            before=55,
            after=32,
            lead=r"(?<!\p{L})(?:\p{Lu}\p{L}{0,20}\.?-){1,4}|(?<!\p{L})(?!(?:From|To|At|In|Of|Trip"
            r"|Pickup|Dropoff)\b)(?:\p{Lu}\p{L}{1,20}[ -]){1,2}(?<!\b(?:From|To|At|In|And|Und"
            r"|Dropoff|Pickup) )",
            tail=_TAIL,
        ),
        Rule(
            pattern=rf"(?:Am|An der|An den|Auf dem|Auf der|Im|In der|In den|Zum|Zur|Unter den|Hinter der)\s"
            rf"(?:\p{{Lu}}\p{{L}}{{2,30}}\s){{1,2}}{number}(?=\s?[,\n])",
            score=0.7,
            at=cue_words(behind),
            tail=_TAIL,
        ),
        # Any word and number, if postcode and town follow: "Hornigring 4, 12345 Berlin".
        Rule(
            pattern=rf"(?<=\p{{Lu}}[\p{{L}}.'\u2019-]{{2,40}}\s)(?<!{MONTH}\s){number}{floor}{_COMMA}{town}"
            rf"(?:{_COMMA}{_COUNTRY})?",
            score=0.75,
            digits=4,
            anchored=True,
            lead=rf"(?<![\p{{L}}-])(?:(?!{MONTH}){_LABELS}\p{{Lu}}[\p{{L}}.'\u2019-]{{1,40}}[ -]){{1,4}}",
        ),
    ]


def addresses() -> RuleRecognizer:
    """Street addresses and post-office boxes, with what belongs to them."""
    boxes = (
        r"(?<!\w)(?i:P\.?\s?O\.?\s{1,2}Box|Post Office Box|Postfach|Boîte postale|B\.?P\.|Apartado(?: "
        r"de Correos| Postal)?|Casella postale|Postbus|Caixa postal|Private Bag)\s{1,2}"
        r"(?:(?:No|Nr|n)\.?\s?)?\d{1,6}"
    )
    military = (
        r"(?:(?:USNS|USS|USCGC|USNV)\s\p{Lu}\p{L}{1,20}|(?:Unit|PSC)\s\d{3,5}(?:,?\s(?:Box"
        r"|BOX)\s\d{1,5})?)\s{0,2}[,\n]?\s{0,2}(?:[FDA]PO)\s(?:AA|AE|AP)\s\d{5}"
    )
    return RuleRecognizer(
        "ADDRESS",
        [
            *_houses_first(),
            *_types_first(),
            *_compounds(),
            Rule(
                pattern=rf"{boxes}(?!\d)",
                score=0.85,
                digits=1,
                before=30,
                tail=_TAIL,
            ),
            Rule(pattern=military, score=0.9, digits=5, before=50, after=30),
        ],
        name="StreetAddressRecognizer",
        recased=True,
    )


def locations() -> RuleRecognizer:
    """Postcodes on their own, or with their town."""
    cues = (
        "zip|zip code|zipcode|postcode|postal code|post code|plz|postleitzahl|code postal|cp|código "
        "postal|codigo postal|cap|cep|postnummer|kod pocztowy|pin code|pincode|postal"
    )
    return RuleRecognizer(
        "LOCATION",
        [
            Rule(
                pattern=rf"(?<!\w){_PLACE},\s{{1,2}}{_STATE}\s{{1,2}}{_ZIP}(?!\w)(?:,\s{_COUNTRY})?",
                score=0.8,
                digits=5,
                before=60,
                after=24,
            ),
            Rule(
                pattern=rf"(?<![\w-]){UK_POSTCODE}(?!\w)(?<=\d\w\w)", score=0.6, digits=1, before=5, after=6
            ),
            Rule(pattern=rf"(?<![\w-]){CA_POSTCODE}(?!\w)", score=0.6, digits=1, before=3, after=6),
            Rule(
                pattern=rf"{cue_pattern(cues)}[^\w\n]{{0,3}}(?i:is|was|:|code|no\.?|ist|est"
                rf"|es)?[^\w\n]{{0,4}}(?P<v>{_NUMERIC_CODE}|{UK_POSTCODE}|{CA_POSTCODE})(?!\w)",
                score=0.75,
                at=cue_words(cues),
            ),
            Rule(
                pattern=rf"(?<=[\n,(>]\s{{0,3}}|\b(?:in|nach|aus|à|a|te|from|to)\s|^)(?:\d{{5}}|\d{{4}} "
                rf"?[A-Z]{{2}}|\d{{2}}-\d{{3}})\s{_PLACE}(?!\s?\d)",
                score=0.45,
                digits=4,
                anchored=True,
            ),
        ],
        name="PostcodeRecognizer",
        recased=True,
    )


RECOGNIZERS = {"ADDRESS": addresses, "LOCATION": locations}
