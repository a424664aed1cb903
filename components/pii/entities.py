"""The entity types: what can be found, and what is looked for where the policy does not say."""

NATIONAL_IDS = (
    "US_SSN",
    "US_ITIN",
    "UK_NHS",
    "UK_NINO",
    "IN_AADHAAR",
    "IN_PAN",
    "ES_NIF",
    "IT_FISCAL_CODE",
    "PL_PESEL",
    "SG_NRIC_FIN",
    "AU_TFN",
    "AU_MEDICARE",
    "FI_PERSONAL_IDENTITY_CODE",
    "SE_PERSONNUMMER",
    "DE_TAX_ID",
    "FR_NIR",
    "NL_BSN",
    "BR_CPF",
    "CA_SIN",
    "KR_RRN",
)
"""Numbers that a state gives to a person; each has a structure or a checksum of its own."""

DEFAULT_ENTITIES = (
    "PERSON",
    "ADDRESS",
    "LOCATION",
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    *NATIONAL_IDS,
    "NATIONAL_ID",
    "PASSPORT",
    "DRIVER_LICENSE",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "URL",
    "DATE_OF_BIRTH",
    "VEHICLE_PLATE",
    "CRYPTO",
    "ACCOUNT_NUMBER",
    "RECEIPT_NUMBER",
    "USERNAME",
    "COORDINATES",
)
"""What is looked for where the policy does not say. ``NATIONAL_ID`` is any number that its context calls a
national, social-security or tax id."""

ENTITY_TYPES = (*DEFAULT_ENTITIES, "DATE_TIME", "NRP", "ORGANIZATION")
"""Everything that can be asked for. The last three say little about a person and cost many words."""

NER_ENTITIES = {
    "PERSON": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "ORG": "ORGANIZATION",
    "NORP": "NRP",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
}
"""The labels of spaCy's models, as entity types."""
