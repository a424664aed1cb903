"""Names where a letter, a form or a receipt puts them: after a greeting, a title, a role or a label."""

from components.pii.recognizers.rules import Rule, RuleRecognizer, cue_pattern, cue_words

_NOT_A_NAME = (
    "(?!(?:A|All|An|And|Any|As|At|But|Card|Cash|Driver|For|From|Have|Here|How|I|If|In|Is|It|Member|My|No|Of"
    "|On|Or|Our|Passenger|Please|Receipt|Rider|Ride|So|Team|Editor|Mr|Mrs|Ms|Thank|Thanks|That|The|There|This|To|Today|Total"
    "|Trip|Was|We|Welcome|What|When|Where|With|You|Your|Sir|Madam|Customer|Customers|Everyone"
    "|Everybody|Colleagues"
    "|Friends|Support|Guest|Folks|Phone|Email|Address|Number|Date|Account|Order|Invoice|Not|Monday|Tuesday"
    "|Wednesday|Thursday|Friday|Saturday|Sunday|January|February|March|April|June|July|August"
    "|September|October"
    "|November|December|Damen|Herren|Herr|Frau|Und|Der|Die|Das|Ihr|Ihre|Sie|Wir|Ich|Madame"
    "|Monsieur|Señor|Señora"
    "|Many|Nationality|Insurance|Delivery|Care|Martens|Country|City|Service|Los|Las|El|La|Le|Les"
    "|Un|Una|Une|Ein|Eine|Nobody|Somebody|Someone|Anybody|Anyone|Born|Vorname|Nachname|Lastname|Firstname|Fullname|Username|Profesor|USA|UK|EU|PDF|URL|HTTP|API|ID|DOB|SSN|Id|No|Nr|VIP|CEO|CFO|CTO|HR|IT|OK"
    "|N)\\b)"
)
_PARTICLE = (
    r"(?:(?:da|das|de|del|della|den|der|des|di|do|dos|du|e|el|la|las|le|los|ten|ter|van|von|y|zu|zum"
    r"|bin|ibn|al|af|av)\s{1,2})"
)
_CAPITALISED = r"\p{Lu}\p{L}{0,30}+(?:['\u2019-](?!s\b)\p{L}{1,30}+){0,3}+"
# Before a name; a letter alone is no name.
_INITIALS = r"(?:\p{Lu}\.[ -]?){0,3}(?!\p{Lu}(?![\p{L}'\u2019-]))"
NAME = (
    rf"{_INITIALS}{_NOT_A_NAME}{_CAPITALISED}"
    rf"(?:[ \t\u00a0]{{1,2}}{_PARTICLE}{{0,3}}{_NOT_A_NAME}(?:\p{{Lu}}\.(?:[ -]?\p{{Lu}}\.){{0,2}}"
    rf"|{_CAPITALISED})){{0,3}}"
)
_FULL_NAME = (
    rf"{_NOT_A_NAME}{_CAPITALISED}(?:[ \t]\p{{Lu}}\.)?[ \t]{_PARTICLE}{{0,3}}{_NOT_A_NAME}"
    rf"{_CAPITALISED}(?:[ \t]{_CAPITALISED})?"
)
_GREETING = """
dear|hi|hello|hey|hiya|good morning|good afternoon|good evening|good day|welcome|welcome back|thanks
|thanks again|thank you|goodbye|bye|cheers|sorry|hallo|liebe|lieber|guten tag|guten morgen|moin|servus
|grüß gott|sehr geehrte|sehr geehrter|bonjour|bonsoir|salut|cher|chère|coucou|hola|estimado|estimada|querido
|querida|buenos días|buenas tardes|gracias|ciao|salve|buongiorno|gentile|caro|cara|egregio|egregia
|spettabile|grazie|beste|geachte|olá|oi|prezado|prezada|bom dia|szanowny|szanowna|drogi|droga|dzień dobry
|cześć|hej|kära|kiitos|hei|merci|danke|congratulations|happy birthday|regards to|greetings
"""
_TITLE = """
mr|mrs|ms|mx|miss|mister|dr|prof|professor|sir|lady|lord|madam|rev|reverend|capt|captain|sgt|sergeant|lt
|lieutenant|officer|judge|nurse|doctor|hon|shri|smt|herr|herrn|frau|fräulein|mme|mlle|monsieur|madame
|mademoiselle|maître|sr|sra|srta|señor|señora|señorita|don|doña|sig|sig ra|signor|signora|signorina|dott
|dott ssa|dottore|dottoressa|ing|avv|dhr|mevr|mevrouw|meneer|pan|pani|senhor|senhora|dona|fru|uncle|aunt
|auntie
"""
_ROLE = """
served by|cashier|registered keeper|keeper|driver|chauffeur|rider|passenger|customer|client|guest|patient
|member|cardholder|card holder|account holder|holder|name|contact|attn|attention|bill to|billed to|booked by
|booked for|driven by|signed|signed by|sincerely|regards|best regards|kind regards|warm regards|best
|best wishes|yours|yours sincerely|yours faithfully|yours truly|many thanks|love|full name|first name
|last name|surname|family name|given name|maiden name|middle name|user name|customer name|patient name
|employee name|client name|contact name|contact person|name of patient|applicant|claimant|policyholder
|policy holder|insured|beneficiary|recipient|sender|ship to|deliver to|sold to|shipped to|delivered to
|prepared by|reviewed by|approved by|assigned to|reported by|created by|submitted by|written by|author
|reporter|assignee|employee|manager|supervisor|agent|owner|tenant|landlord|buyer|seller|student|teacher
|doctor|physician|attending|nurse|next of kin|emergency contact|spouse|husband|wife|mother|father|son
|daughter|brother|sister|witness|payee|payer|payable to|on behalf of|care of|my name is|name is|i am|i'm
|this is|it's|call me|named|called|ask for|speak to|spoke to|spoke with|talk to|talked to|speak with
|name lautet|vorname|nachname|familienname|kunde|kundin|patientin|ansprechpartner|ansprechpartnerin
|empfänger|absender|mein name ist|ich heiße|ich bin|mit freundlichen grüßen|viele grüße|freundliche grüße
|liebe grüße|beste grüße|gruß|grüße|nom|prénom|nom de famille|nom complet|destinataire|expéditeur|titulaire
|je m'appelle|je suis|cordialement|bien cordialement|bien à vous|nombre|nombre completo|apellido|apellidos
|cliente|paciente|titular|destinatario|remitente|me llamo|mi nombre es|soy|atentamente|saludos|un saludo
|saludos cordiales|cordialmente|nome|nome completo|cognome|paziente|intestatario|mittente|mi chiamo|sono
|il mio nome è|cordiali saluti|distinti saluti|un cordiale saluto|naam|voornaam|achternaam|klant
|met vriendelijke groet|ik ben|mijn naam is|groeten|meu nome é|sobrenome|atenciosamente|imię|nazwisko
|imię i nazwisko|pozdrawiam|nazywam się|pasażer|fahrer|fahrgast|fahrerin|chauffeuse|conductor|conducteur
|autista|pasajero|passager|passeggero|gast|reisender|hôte|huésped|host|hosted by|cc|from|to|attendee
|attendees
"""
_STRICT_ROLE = (
    "nom|nombre|nome|name|full name|first name|last name|surname|given name|family name|firstname"
    "|lastname|fullname"
    "|vorname|nachname|prénom|apellido|apellidos|cognome|customer name|patient name|cardholder"
    "|holder name|cardholder name|nazwisko|imię|middle name|middlename|customername|maiden name"
)
# The name of a form's field (name="lastname") is nobody's, nor is "nome da mãe:".
_NO_FIELD = (
    r"(?!(?i:(?:first|last|full|user|sur|given|family|middle|company)?[ _-]?name|e-?mail|zip|phone|address"
    r"|city|country|date|age|born|vorname|nachname|del|da|do|dos|de|der|des|du)\b)"
)
# Behind a name: no number, no path.
_NO_MORE = r"(?!\w|[-./]\d|\\)"
_DEED = (
    "says|said|drove|drives|picked|took|takes|dropped|waited|arrived|called|wrote|writes|asked|told"
    "|thanks|thanked|rated|lives|lived|met|replied|emailed|phoned"
)


def names() -> RuleRecognizer:
    """Names by what stands beside them; the language models find the others."""
    greeting, title, role, strict = map(cue_pattern, (_GREETING, _TITLE, _ROLE, _STRICT_ROLE))
    article = r"(?<!\b(?i:a|an|at|in|of|on|the|this|last|next|every|to|for|with|and|but)\s)"
    link = (
        r"(?:(?i:\s(?:is|was|named|name|names|number one|ist|est|es|è))\b|(?i:'s name is)"
        r"|\s?\([^)\n]{1,20}\))?"
    )
    return RuleRecognizer(
        "PERSON",
        [
            Rule(
                pattern=rf"{greeting},?\s{{1,2}}(?:{title}\.?\s{{1,2}}){{0,3}}(?P<v>{NAME})",
                score=0.7,
                at=cue_words(_GREETING),
            ),
            Rule(
                pattern=rf"(?<!\p{{L}}){_FULL_NAME}(?=\s{{0,2}}[<(\[]?[\w.+-]{{1,64}}+@\w)",
                score=0.7,
                marks=("@",),
            ),
            Rule(
                pattern=rf"(?i:thanks|thank you|welcome)\b[^.!?\n,]{{1,60}}+,\s{{1,2}}(?P<v>{NAME})"
                rf"(?=[!.,;]|$)",
                score=0.6,
                at=cue_words("thanks|thank|welcome"),
            ),
            Rule(
                pattern=rf"{role}(?!['\u2019][sS]\s(?!(?i:name)\s)){link}\s{{0,3}}+[\"']?[:,=]?\s{{0,3}}+[\"']?(?:{title}\.?\s{{1,2}}){{0,2}}"
                rf"(?P<v>{NAME}(?:,[ ]{NAME}(?=[\n\"'<|;)]))?){_NO_MORE}",
                score=0.7,
                at=cue_words(_ROLE)
                - {
                    "from",
                    "to",
                    "cc",
                    "best",
                    "host",
                    "agent",
                    "called",
                    "i",
                    "it",
                    "this",
                    "sono",
                    "soy",
                    "yours",
                    "love",
                    "author",
                },
            ),
            Rule(
                pattern=rf"(?i:from|to|cc|best|host|agent|author|love|yours|attendees?)(?:\s?[:=]|,"
                rf"(?=\s?\n))\s{{0,3}}+[\"']?(?P<v>{NAME}){_NO_MORE}",
                score=0.6,
                at=cue_words("from|to|cc|best|host|agent|author|love|yours|attendee|attendees"),
            ),
            Rule(
                pattern=rf"(?i:i am|i['\u2019]m|it['\u2019]s|this is|sono|soy|called|hosted by)\s"
                rf"(?P<v>{_FULL_NAME}){_NO_MORE}",
                score=0.6,
                at=cue_words("i|it|this|sono|soy|called|hosted"),
            ),
            Rule(
                pattern=rf"{strict}[\"']?\s{{0,3}}[:=]\s{{0,3}}[\"']?{_NO_FIELD}(?P<v>[\p{{L}}][\p{{L}}.'\u2019-]"
                rf"{{1,30}}+(?:[ \t][\p{{L}}][\p{{L}}.'\u2019-]{{0,30}}+){{0,3}})(?=[\"',;|)\n]|$)",
                score=0.7,
                at=cue_words(_STRICT_ROLE),
            ),
            Rule(
                pattern=rf"{title}(?<=\p{{Lu}}\p{{L}}{{0,14}}|\b(?:don|doña|dott|sig|dhr|mevr|mevrouw"
                rf"|meneer|pan|pani)|ssa)\.?[ \t\u00a0]{{1,2}}(?:(?:Dr|Prof|Dott|Ing)\.?\s)?"
                rf"(?P<v>{NAME})",
                score=0.85,
                at=cue_words(_TITLE),
            ),
            Rule(
                pattern=rf"\b(?P<v>{NAME})(?=(?i:(?:,|\s(?:was|is))\s(?:your|our|the)\s(?:driver|chauffeur"
                rf"|host|agent|guide|doctor|nurse)\b))",
                score=0.7,
                at=cue_words("driver|chauffeur|host|agent|guide|doctor|nurse"),
                before=70,
                after=12,
            ),
            Rule(
                pattern=rf"(?i:ride|trip|driven|drive|meeting|appointment|call|lunch|spoke|chat|chatted"
                rf"|interview)\s(?i:with|by)\s(?:{title}\.?\s)?(?P<v>{NAME})",
                score=0.6,
                at=cue_words(
                    "ride|trip|driven|drive|meeting|appointment|call|lunch|spoke|chat|chatted|interview"
                ),
            ),
            Rule(pattern=rf"(?<=\p{{Ll}},\s){NAME}(?=[?!])", score=0.5, marks=("?", "!")),
            Rule(
                pattern=rf"{article}\b(?P<v>{NAME})(?=\s(?:{_DEED})\b)",
                score=0.5,
                at=cue_words(_DEED),
                before=60,
                after=12,
            ),
        ],
        name="NameCueRecognizer",
        recased=True,
    )


RECOGNIZERS = {"PERSON": names}
