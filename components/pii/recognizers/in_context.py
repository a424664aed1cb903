"""Numbers that only their words make personal: accounts, receipts, passports, licences, plates."""

from components.pii.recognizers.dates import MONTH
from components.pii.recognizers.rules import (
    CUED,
    GAP,
    LINK,
    Rule,
    RuleRecognizer,
    cue_pattern,
    cue_words,
    spaced,
    token,
)

_ACCOUNTS = """
account number|account no|account num|account nr|account #|account id|acct no|acct number|acc no|a c no|a c
|bank account number|bban|kontonummer|konto nr|kontonr|numéro de compte|n° de compte|número de cuenta
|numero de cuenta|numero di conto|número da conta|rekeningnummer|numer konta|account ending|member id
|member number|member no|membership number|membership no|mitgliedsnummer|mitglieds nr|numéro de membre
|número de socio|loyalty number|loyalty card|frequent flyer|frequent flyer number|customer id
|customer number|customer no|customer nr|customer ref|customer reference|cust id|client id|client number
|client no|kundennummer|kunden nr|kundennr|numéro client|numéro de client|référence client|número de cliente
|numero cliente|codice cliente|klantnummer|klantnr|numer klienta|patient id|patient number|patient no|mrn
|medical record|medical record number|hospital number|hospital no|chart number|patientennummer|patienten nr
|numéro de patient|número de paciente|historia clínica|health plan|health insurance|beneficiary
|policy number|policy no|policy id|insurance number|insurance policy|insurance id|insurance no|subscriber id
|subscriber number|group number|versicherungsnummer|versicherten nr|versichertennummer
|krankenversicherungsnummer|krankenversichertennummer|numéro de police|número de póliza|employee id
|employee number|employee no|emp id|staff id|staff number|personalnummer|badge number|student id
|student number|student no|matrikelnummer|sort code|routing|routing number|aba|aba number|blz|bankleitzahl
|bic|swift|swift code|swift bic|bsb|ifsc|ifsc code|transit number|library card|meter number|user number
|subscription number|subscription id|contract number|contract no|vertragsnummer|numéro de contrat
|número de contrato|numero di contratto|npi|dea|dea number|medical license|license key|imei|imsi|iccid
|device id|serial number|vin|loan number|mortgage number|beneficiary number|konto iban|kto|depotnummer
|account ref|account reference|client ref|client reference|client code|customer code|debtor number
|creditor number|supplier number|vendor number|vendor id|tenant number|tenant no|tenant id|tenancy ref
|tenancy reference|lease number|loan no|loan id|loan account|mortgage account|mandate reference|mandate ref
|mandate id|investor id|subscriber no|subscription no|contract id|contract account|contract ref
|agreement number|agreement no|installation number|supply number|mpan|mprn|nmi|meter no|meter id
|meter serial|loyalty id|loyalty no|rewards number|rewards no|rewards id|reward card|club card|clubcard
|points card|miles number|mileage number|frequent flyer no|frequent flyer account|known traveler number
|known traveller number|redress number|file number|file no|patient file|chart no|medical record no
|health record|health card|insured id|group no|prescription number|prescription no|rx number|accession number
|lab id|employee code|payroll number|payroll no|payroll id|personnel number|personnel no|worker id|badge no
|badge id|clock number|student card|matriculation|matriculation number|enrolment number|enrollment number
|enrollment id|candidate number|roll number|roll no|library number|library no
|debitorennummer|kreditorennummer|mandatsreferenz|zählernummer|policennummer|versicherungsscheinnummer
|personal nr|pers nr|mitglieds nummer|kartennummer der kundenkarte|kundenkarte|ausweisnummer
|n° client|n° de client|n° contrat|n° de contrat|n° adhérent|n° d'adhérent|numéro adhérent
|numéro d'adhérent|numéro allocataire|numéro d'abonné|numéro de sociétaire|numéro d'étudiant|matricule
|numéro de dossier patient|carte de fidélité|numéro de compteur
|nº de cliente|n° de cliente|nº de socio|n° de socio|nº cliente|número de abonado|número de afiliado
|número de empleado|número de contador|tarjeta de fidelidad|número de sócio|número do cliente
|número de aluno|apólice|numero di polizza|numero polizza|numero contratto|codice contratto|codice utente
|numero tessera|tessera fedeltà|matricola|numero di matricola
|polisnummer|lidnummer|lidmaatschapsnummer|personeelsnummer|studentnummer|contractnummer|patiëntnummer
|meternummer|numer umowy|nr umowy|numer polisy|nr polisy|nr klienta|numer karty|numer albumu
|kundnummer|kundnr|medlemsnummer|avtalsnummer|kundenummer|medlemsnr|policenummer|studienummer
|asiakasnumero|jäsennumero|sopimusnumero|zákaznické číslo|číslo smlouvy|číslo účtu|ügyfélszám
|szerződésszám|cod client|müşteri no|poliçe no|hesap no|broj ugovora
"""

# These are followed by the person, their address or their phone number as often.
_ACCOUNT_HOLDERS = """
account|acct|konto|compte|cuenta|conto|conta|rekening|member|membership|customer|kunde|patient|policy|police
|póliza|poliza|polizza|badge|savings account|checking account|current account|bank account|matrikel|contrat
|depot|tenant|subscriber|policyholder|claimant|borrower|lease|loan|mortgage|mandate|socio|sócio|adhérent
|abonné|cliente|client|klant|klient|meter
"""

_RECEIPTS_ALWAYS = """
receipt|receipt number|receipt no|receipt id|invoice|invoice number|invoice no|inv no|confirmation
|confirmation number|confirmation code|booking|booking number|booking reference|booking ref|booking code
|booking id|reservation|reservation number|reservation code|reference|reference number|reference no|ref
|ref no|ref number|our ref|your ref|folio|voucher|voucher code|record locator|pnr|locator|tracking number
|tracking|tracking id|tracking no|shipment|awb|order number|order no|order id|order nr|order ref
|ticket number|ticket no|ticket id|case number|case no|case id|case ref|claim number|claim no|claim id
|transaction id|transaction number|transaction ref|transaction reference|payment reference|txn|txn id
|trans id|rechnung|rechnungsnummer|rechnungs nr|rechnungsnr|re nr|belegnummer|beleg nr|beleg|quittung
|bestellung|bestellnummer|bestell nr|auftragsnummer|auftrag|buchungsnummer|buchung|buchungscode|reservierung
|ticketnummer|vorgangsnummer|aktenzeichen|sendungsnummer|facture|numéro de facture|commande
|numéro de commande|réservation|numéro de réservation|référence|dossier|numéro de dossier|reçu|factura
|número de factura|pedido|número de pedido|reserva|número de reserva|localizador|referencia|recibo
|expediente|fattura|numero di fattura|ordine|numero d'ordine|numero ordine|prenotazione|codice prenotazione
|ricevuta|pratica|riferimento|factuur|factuurnummer|bestelnummer|boeking|boekingsnummer|zamówienie
|numer zamówienia|faktura|numer faktury|paragon|rezerwacja|encomenda|calling about|regarding|e ticket
|eticket|purchase order|po number|po no|po
|credit note|credit note number|waybill|waybill number|docket number|gutschrift|lieferschein|avoir
|bon de livraison|nota de crédito|albarán|nota di credito|comanda|bestilling|beställning|objednávka|rendelés
|tilaus|narudžba|sipariş|siparişi|itinerary|parcel|delivery number|return number|rma|incident|complaint number
|complaint ref|docket
"""
_RECEIPTS_SOMETIMES = (
    "trip|ride|order|ticket|case|claim|transaction|fare|job|payment|purchase|trip id|ride id|job id"
    "|bill|booking"
)


def accounts() -> RuleRecognizer:
    """Numbers of a bank account, a customer, a patient, a policy: after the words that name them."""
    names, at = cue_pattern(_ACCOUNTS), cue_words(_ACCOUNTS)
    holders, at_holders = cue_pattern(_ACCOUNT_HOLDERS), cue_words(_ACCOUNT_HOLDERS)
    value = rf"(?:{spaced(4)}|{token(4)})"
    bic = r"[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?!\w)"
    return RuleRecognizer(
        "ACCOUNT_NUMBER",
        [
            Rule(pattern=rf"{names}{LINK}(?P<v>{value})", score=0.9, at=at),
            Rule(pattern=rf"{holders}{LINK}(?P<v>{value})", score=0.66, at=at_holders),
            Rule(pattern=rf"(?:{names}|{holders}){GAP}(?P<v>{token(5)})", score=0.5, at=at | at_holders),
            Rule(
                pattern=rf"(?i:bic|swift(?:[ /-]?bic)?(?: code)?){LINK}(?P<v>{bic})",
                score=0.78,
                at=cue_words("bic|swift"),
            ),
            Rule(
                pattern=rf"(?i:sort code|bsb){LINK}(?P<v>\d\d(?P<dash>[ -])\d\d(?P=dash)\d\d"
                rf"|\d{{3}}-\d{{3}})(?!\d)",
                score=0.9,
                at=cue_words("sort|bsb"),
            ),
            Rule(
                pattern=rf"(?i:vin|chassis|vehicle identification){LINK}(?P<v>[A-HJ-NPR-Z0-9]{{17}})(?!\w)",
                score=CUED,
                at=cue_words("vin|chassis|vehicle"),
            ),
        ],
        name="AccountNumberRecognizer",
    )


def receipts() -> RuleRecognizer:
    """Numbers that lead back to one sale: after their word, or by their shape (``R-2048-771093``)."""
    month = rf"(?!{MONTH}\s?\d)"
    always, sometimes = cue_pattern(_RECEIPTS_ALWAYS), cue_pattern(_RECEIPTS_SOMETIMES)
    locator = r"(?=[A-Za-z0-9]{0,7}\d)(?=[A-Za-z0-9]{0,7}[A-Za-z])(?:[A-Z0-9]{5,8}|[a-z0-9]{5,8})(?!\w)"
    kind = r"(?i:(?:\s|_){0,2}(?:number|num|no|nr|id|code|ref)\b\.?)"
    return RuleRecognizer(
        "RECEIPT_NUMBER",
        [
            Rule(
                pattern=rf"{always}{LINK}(?P<v>{token(3)}|{locator})",
                score=0.76,
                at=cue_words(_RECEIPTS_ALWAYS),
            ),
            Rule(
                pattern=rf"{always}{GAP}(?!(?:19|20)\d\d\b){month}(?P<v>{token(4)}|{locator})",
                score=0.62,
                at=cue_words(_RECEIPTS_ALWAYS),
            ),
            Rule(
                pattern=rf"{sometimes}(?:{kind}(?i:\s{{1,9}}is)?[\s:#=\"']{{0,5}}+|\s?#\s?|[\"']?[:=]\s?[\"']?)"
                rf"(?P<v>{token(3)}|{locator})",
                score=0.66,
                at=cue_words(_RECEIPTS_SOMETIMES),
            ),
            Rule(
                pattern=rf"{sometimes}\s{{1,2}}(?P<v>{token(5)}|{locator})",
                score=0.6,
                at=cue_words(_RECEIPTS_SOMETIMES),
            ),
            Rule(
                pattern=r"(?<![\w-])(?!(?:ISO|UTF|RFC|CVE|SHA|MD|GMT|UTC|COVID"
                r"|HTTP|IPV?|USB|ISBN|PEP|JSR|KB)-?\d)\p{Lu}{1,5}-?\d{2,12}+"
                r"(?:[-/][\p{Lu}\d]{2,12}){1,4}+(?!\w)",
                score=0.5,
                check=_has_seven_digits,
                digits=3,
                before=14,
                after=60,
            ),
            Rule(
                pattern=r"(?<![\w-])(?:ORD|INV|CLM|TKT|BKG|RMA)-?\d{5,12}(?![\w-])",
                score=0.6,
                digits=5,
                before=8,
            ),
            Rule(
                pattern=r"(?<!\w)#\s?(?P<v>(?=[\p{Lu}\d-]{0,20}?\d{4})[\p{Lu}\d](?:[\p{Lu}\d-]{3,24}+)"
                r"(?!\w))(?<!#[0-9A-F]{6})",
                score=0.5,
                marks=("#",),
            ),
        ],
        name="ReceiptNumberRecognizer",
    )


_PASSPORTS = """
passport|passport number|passport no|passport nr|passport num|passport #|passport id|travel document
|travel document number|reisepass|reisepassnummer|pass nr|passnummer|passeport|numéro de passeport|pasaporte
|número de pasaporte|passaporto|numero di passaporto|passaporte|paspoort|paspoortnummer|paszport
|numer paszportu|pass|ppt|ppn
"""
_LICENCES = """
driver's license|driver's licence|drivers license|drivers licence|driver license|driver licence
|driving license|driving licence|driver's license number|driving licence number|driver license number
|drivers license number|license number|licence number|license no|licence no|lic no|dl|dl no|dl number|d l
|operator license|driver's permit|driver's lic|drivers lic|driver lic|dvla|dln|führerschein
|führerscheinnummer|fuehrerschein|permis|permis de conduire|numéro de permis|carnet de conducir
|permiso de conducir|licencia de conducir|patente|patente di guida|numero patente|rijbewijs|rijbewijsnummer
|prawo jazdy|carta de condução|cnh|learner permit|learner's permit|license|licence
"""
_PLATES = """
plate|plates|plate number|plate no|license plate|licence plate|license plates|number plate
|registration plate|registration number|registration no|registration|reg|reg no|reg number|vehicle reg
|vehicle registration|tag number|tag|vehicle|car|van|truck|taxi|cab|kennzeichen|autokennzeichen
|kfz kennzeichen|nummernschild|immatriculation|plaque|plaque d'immatriculation|immatriculé|immatriculée
|matrícula|matricula|placa|placas|patente|targa|targato|kenteken|rejestracja|rejestracyjny
|numer rejestracyjny|kentekenplaat|vrm|vrn|registered|fahrzeug|voiture|coche|auto|rego|rego no|rego number
|vehicle number|vehicle no|vehicle id|veh reg|veh no|mot|mot for|anpr|alpr|trailer|lorry|moped|pickup|suv
|minivan|rental car|hire car|company car|anhänger|lkw|pkw|wagen|remorque|camion|véhicule|vehículo|remolque
|camión|furgoneta|furgone|rimorchio|veicolo|autovettura|aanhanger|samochód|pojazd|przyczepa|tablice
|rekisterinumero|rekisteritunnus|registreringsnummer|regnr|reg nr|spz|rendszám|plaka
"""


def _is_mixed(text: str) -> bool | None:
    return None if any(map(str.isdigit, text)) and any(map(str.isalpha, text)) else False


def _has_seven_digits(text: str) -> bool | None:
    return None if sum(map(str.isdigit, text)) >= 7 else False


def passports() -> RuleRecognizer:
    """Passport numbers after the words for them."""
    names, at = cue_pattern(_PASSPORTS), cue_words(_PASSPORTS)
    value = rf"(?:{spaced(5)}|{token(4, 12)})(?<=[\w -]{{6}})"
    return RuleRecognizer(
        "PASSPORT",
        [
            Rule(pattern=rf"{names}{LINK}(?P<v>{value})", score=0.86, at=at),
            Rule(pattern=rf"{names}{LINK}(?P<v>{token(2, 12)})(?<=[\p{{Lu}}\d]{{7}})", score=0.8, at=at),
            Rule(pattern=rf"{names}{GAP}(?P<v>{value})", score=0.62, at=at),
            Rule(pattern=r"(?<!\w)P[A-Z<][A-Z]{3}[A-Z<]{39}\s[A-Z0-9<]{44}(?!\w)", score=0.95, marks=("P<",)),
        ],
        name="PassportRecognizer",
    )


def licences() -> RuleRecognizer:
    """Numbers of driving licences after the words for them; Britain's also by its shape."""
    names, at = cue_pattern(_LICENCES), cue_words(_LICENCES)
    value = rf"(?:{spaced(5)}|{token(4)})"
    return RuleRecognizer(
        "DRIVER_LICENSE",
        [
            Rule(pattern=rf"{names}{LINK}(?P<v>{value})", score=0.86, at=at),
            Rule(pattern=rf"{names}{GAP}(?!(?:19|20)\d\d(?!\w))(?P<v>{value})", score=0.55, at=at),
            Rule(
                pattern=r"(?<!\w)[A-Z]{1,5}9{0,4}(?<=\w{5})\d[0156]\d(?:[0-2]\d"
                r"|3[01])\d[A-Z9]{2}[A-Z\d][A-Z]{2}(?!\w)",
                score=0.8,
                digits=6,
                before=10,
            ),
        ],
        name="DriverLicenceRecognizer",
    )


def plates() -> RuleRecognizer:
    """Number plates: by some countries' shapes, and by any shape after the words for them."""
    names, at = cue_pattern(_PLATES), cue_words(_PLATES)
    no_word = (
        r"(?!(?i:is|was|are|has|had|due|in|on|at|to|and|the|for|with|by|of|or|as|it|an|a|but|not|out|off|got"
        r"|ist|war|hat|und|der|die|das|mit|im|am|est|et|a|le|la|du|es|y|el|en|con|è|e|ha|di|il|van|de|het|op"
        r"|cc|km|kg|mi|kw|ps|hp|am|pm|eur|usd|gbp)\b)"
    )
    loose = (
        r"(?=[\p{L} ·-]{0,7}\d)(?=[\d ·-]{0,8}\p{L})(?:\p{Lu}{1,7}|[\p{L}\d]{1,3}|"
        rf"(?=\p{{L}}{{0,4}}\d)[\p{{L}}\d]{{4,8}})(?:[ ·-]{no_word}"
        r"(?:[\p{Lu}\d]{1,5}+|[\p{Ll}\d]{1,3}+|"
        r"(?=\p{Ll}{0,3}\d)[\p{Ll}\d]{1,5}+)){0,3}(?!\w|-\w|[.,]\d)"
    )
    shapes = {
        # Britain, France, India
        0.58: r"[A-HJ-PR-Y][A-HJ-PR-Y]\d\d ?[A-HJ-PR-Z]{3}|[A-HJ-NP-TV-Z]{2}-\d{3}-[A-HJ-NP-TV-Z]{2}"
        r"|[A-Z]{2}[ -]?\d{1,2}[ -]?(?!JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[A-Z]{1,3}["
        r" -]?\d{4}",
        # Germany, Italy, Spain; United States, Brazil; the Netherlands
        0.45: r"[A-ZÄÖÜ]{1,3}-[A-ZÄÖÜ]{1,2} ?\d{1,4}[EH]?|[A-HJ-NPR-TV-Z]{2} ?\d{3} ?[A-HJ-NPR-TV-Z]{2}"
        r"|\d{4}[ -][BCDFGHJKLMNPRSTVWXYZ]{3}"
        r"|[A-Z]{3}-\d{4}|[A-Z]{3}\d[A-Z]\d{2}|\d{1,3}-[A-Z]{3}-\d{1,2}|[A-Z]{2}-\d{3}-[A-Z]"
        r"|[A-Z]-\d{3}-[A-Z]{2}",
    }
    not_plates = (
        rf"{no_word}(?!(?i:no|nr|from)\b|(?:ISO|UTF|RFC|CVE|SHA|UTC|GMT"
        r"|USB|KB|AM|PM|GB|MB|TB|US|EU|UK|A4|HTTP)\b)"
    )
    return RuleRecognizer(
        "VEHICLE_PLATE",
        [
            Rule(pattern=rf"{names}{LINK}(?P<v>{not_plates}{loose})", score=0.8, at=at, check=_is_mixed),
            Rule(
                pattern=rf"{names}{GAP}(?P<v>(?=[\d -]{{0,6}}\p{{Lu}}){not_plates}{loose}(?<=\d.{{0,4}}\d"
                rf"|\w{{5}}.{{0,2}}))",
                score=0.45,
                at=at,
                check=_is_mixed,
            ),
            *(
                Rule(
                    pattern=rf"(?<![\w-])(?=(?:{shape})(?![\w@]|-\w)){not_plates}(?:{shape})(?![\w@]|-\w)",
                    score=score,
                    digits=2,
                    context=at - {"reg", "tag", "car", "auto"},
                )
                for score, shape in shapes.items()
            ),
        ],
        name="VehiclePlateRecognizer",
    )


RECOGNIZERS = {
    "ACCOUNT_NUMBER": accounts,
    "RECEIPT_NUMBER": receipts,
    "PASSPORT": passports,
    "DRIVER_LICENSE": licences,
    "VEHICLE_PLATE": plates,
}
