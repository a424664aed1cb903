"""Places on the map: pairs of latitude and longitude."""

from components.pii.recognizers.rules import Rule, RuleRecognizer, cue_words

_LAT = r"[+-]?(?:90(?:\.0{1,12})?|[0-8]?\d\.\d{%d,14})"
_LON = r"[+-]?(?:180(?:\.0{1,12})?|(?:1[0-7]\d|\d{1,2})\.\d{%d,14})"


def coordinates() -> RuleRecognizer:
    """Decimal pairs (three decimals, 100 m, or more), degrees with minutes, and labelled values."""
    words = cue_words(
        "gps|coordinates|coords|coordinate|location|lat|latitude|geo|position|located|pin|map"
        "|koordinaten|standort"
        "|coordonnées|coordenadas|coordinate|ubicación|posizione"
    )
    half = (
        r"\d{1,3}(?:\.\d{1,8})?\s?[°º]\s?(?:\d{1,2}(?:\.\d{1,6})?\s?['\u2032\u2019]\s?)?(?:\d{1,2}"
        r"(?:\.\d{1,6})?\s?(?:[\"\u2033\u201d]|''|\u2019\u2019)\s?)?"
    )
    label = r"(?i:lat(?:itude)?|breite(?:ngrad)?)[\"']?\s{0,2}[:=]?\s{0,2}[\"']?"
    label_lon = (
        r"[\"']?\s{0,2}[,;&/]?\s{0,2}(?i:and\s)?[\"']?(?i:long?|lng|longitude|länge"
        r"(?:ngrad)?)[\"']?\s{0,2}[:=]?\s{0,2}[\"']?"
    )
    lat, lon = _LAT, _LON
    return RuleRecognizer(
        "COORDINATES",
        [
            Rule(
                pattern=rf"(?<![\w.$€£-]){lat % 3}°?\s?[NS]?\s{{0,2}}(?:[,;/|]\s{{0,3}}|\s){lon % 3}"
                rf"(?:°?\s?[EWO](?!\w)|°)?(?![\w.%]\d|\w)",
                score=0.75,
                digits=3,
                after=40,
                context=words,
                named=0.95,
            ),
            Rule(
                pattern=rf"(?P<v>{label}{lat % 1}°?{label_lon}{lon % 1}°?)",
                score=0.95,
                at=cue_words("lat|latitude|breite|breitengrad"),
            ),
            Rule(
                pattern=r"(?i:lat(?:itude)?|long?(?:itude)?|lng)[\"']?\s{0,2}[:=]\s{0,2}[\"']?"
                r"(?P<v>[+-]?\d{1,3}\.\d{2,14})(?!\d)",
                score=0.8,
                at=cue_words("lat|latitude|lon|long|longitude|lng"),
            ),
            Rule(
                pattern=rf"(?<![\w.]){half}[NSns]\s{{0,2}}[,;/]?\s{{0,2}}{half}[EWOewo](?!\w)|"
                rf"(?<!\w)[NS]\s?{half}[,;/]?\s{{0,2}}[EWO]\s?{half}(?![\w])",
                score=0.95,
                marks=("°", "º"),
            ),
            Rule(
                pattern=rf"(?i:geo|point)[:(]\s?(?P<v>{lon % 2}[ ,]{lon % 2})",
                score=0.85,
                at=cue_words("geo|point"),
            ),
        ],
        name="CoordinatesRecognizer",
    )


RECOGNIZERS = {"COORDINATES": coordinates}
