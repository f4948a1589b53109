"""What people call their things, in six languages, and how they misspell it."""

# ruff: noqa: RUF001 - one of the languages is Russian

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@dataclass(frozen=True, slots=True)
class Tongue:
    """One team's language. `columns` has the first name, the address, and what else they note."""

    name: str
    address: str
    columns: Sequence[str]
    templates: Sequence[str]
    ranges: Sequence[str]
    sheets: Sequence[str]
    topics: Mapping[str, str]
    workflows: Sequence[str]


TONGUES = (
    Tongue(
        name="First name",
        address="Email",
        columns=("Company", "City", "Renewal date", "Order_ID", "Amount", "Account manager"),
        templates=("Renewal reminder", "Welcome aboard", "Trial ends soon", "Outbound v2"),
        ranges=("UrgentEmails", "OpenInvoices", "Q3_Pipeline", "NewSignups", "ChurnRisk"),
        sheets=("Customers", "Invoices 2026", "Support queue", "Partners"),
        topics={
            "returns.md": "How do returns work?",
            "shipping-costs.md": "What does shipping cost?",
            "warranty.md": "How long is the warranty?",
        },
        workflows=("Outbound follow-up", "Invoice chase", "Support digest", "Renewals"),
    ),
    Tongue(
        name="Vorname",
        address="E-Mail",
        columns=("Firma", "Straße", "Kündigungsdatum", "Betrag", "Ansprechpartner", "Größe"),
        templates=("Zahlungserinnerung", "Begrüßung Neukunde", "Angebot Nachfassen", "Absage"),
        ranges=("OffenePosten", "Mahnliste", "Kontakte_Süd", "Bestellungen", "Verträge"),
        sheets=("Kunden", "Rechnungen", "Übersicht", "Lieferanten Nord"),
        topics={
            "rueckgabe.md": "Wie funktioniert die Rueckgabe?",
            "versand.md": "Was kostet der Versand nach Österreich?",
            "garantie.md": "Wie lange gilt die Garantie?",
        },
        workflows=("Mahnlauf", "Tägliche Kundenpost", "Angebote nachfassen"),
    ),
    Tongue(
        name="Prénom",
        address="Courriel",
        columns=("Société", "Ville", "Date d.échéance", "Montant", "Interlocuteur"),
        templates=("Relance facture", "Bienvenue à bord", "Confirmation de commande"),
        ranges=("FacturesImpayées", "ClientsActifs", "Commandes_Mars", "Prospects"),
        sheets=("Clients", "Factures", "Suivi général"),
        topics={
            "retours.md": "Comment faire un retour ?",
            "livraison.md": "Combien coûte la livraison ?",
            "garantie.md": "Quelle est la garantie ?",
        },
        workflows=("Relances du matin", "Accueil des clients"),
    ),
    Tongue(
        name="Nombre",
        address="Correo",
        columns=("Empresa", "Ciudad", "Vencimiento", "Importe", "Teléfono"),
        templates=("Recordatorio de pago", "Bienvenida", "Encuesta de satisfacción"),
        ranges=("FacturasPendientes", "ClientesNuevos", "Pedidos_Enero", "Contactos"),
        sheets=("Clientes", "Facturación", "Seguimiento"),
        topics={
            "devoluciones.md": "¿Cómo se hacen las devoluciones?",
            "envios.md": "¿Cuánto cuestan los envios?",
            "garantia.md": "¿Cuánto dura la garantia?",
        },
        workflows=("Cobros semanales", "Alta de clientes"),
    ),
    Tongue(
        name="Imię",
        address="Adres",
        columns=("Spółka", "Miasto", "Termin płatności", "Kwota", "Opiekun"),
        templates=("Przypomnienie o płatności", "Powitanie klienta", "Zaproszenie na spotkanie"),
        ranges=("ZalegleFaktury", "NowiKlienci", "Zamówienia", "Odbiorcy"),
        sheets=("Klienci", "Należności", "Zestawienie"),
        topics={
            "zwroty.md": "Jak działają zwroty?",
            "dostawa.md": "Ile kosztuje dostawa?",
            "gwarancja.md": "Jak długa jest gwarancja?",
        },
        workflows=("Windykacja", "Obsługa zgłoszeń"),
    ),
    Tongue(
        name="Имя",
        address="Почта",
        columns=("Компания", "Город", "Дата договора", "Сумма", "Менеджер"),
        templates=("Напоминание об оплате", "Приветственное письмо", "Приглашение на встречу"),
        ranges=("НеоплаченныеСчета", "НовыеКлиенты", "Заказы_Март", "Партнёры"),
        sheets=("Клиенты", "Счета", "Общий список"),
        topics={
            "возврат.md": "Как оформить возврат?",
            "доставка.md": "Сколько стоит доставка?",
            "гарантия.md": "Какая гарантия на товар?",
        },
        workflows=("Утренняя рассылка", "Новые заявки"),
    ),
)

STEPS = _listed(
    "read contacts collect fetch_rows mails draft letters compose prepare summary report note digest"
    " archive save_it list_all step1 step2 step3 kunden briefe lignes resumen listaKlientow writeMails"
    " fetchLeads loadInvoices build_reply stage_4 zusammenfassung envoi clientes informe"
)
PEOPLE = ("Ada", "Grace", "Zoë", "Jürgen", "Łukasz", "Иван", "O'Neil", "María José", "Bo")
_LONG, _TWICE = 12, 0.25
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def misspelt(rng: random.Random, name: str, taken: Sequence[str] = ()) -> str:
    """*name* with a slip of the kind that fingers make, in long names sometimes two; none of *taken*."""
    slips = (_swapped, _dropped, _doubled, _hit_beside)
    for _ in range(50):
        found = rng.choice(slips)(rng, name)
        if len(name) > _LONG and rng.random() < _TWICE:
            found = rng.choice(slips)(rng, found)
        if found.casefold() not in {one.casefold() for one in (*taken, name)}:
            return found
    raise ValueError(f"no slip found for {name!r}")


def _letters(name: str) -> list[int]:
    """Places of letters, but for the first: people get that right."""
    return [place for place, letter in enumerate(name) if place and letter.isalpha()]


def _swapped(rng: random.Random, name: str) -> str:
    places = [one for one in _letters(name) if one + 1 in _letters(name)]
    place = rng.choice(places)
    return name[:place] + name[place + 1] + name[place] + name[place + 2 :]


def _dropped(rng: random.Random, name: str) -> str:
    place = rng.choice(_letters(name))
    return name[:place] + name[place + 1 :]


def _doubled(rng: random.Random, name: str) -> str:
    place = rng.choice(_letters(name))
    return name[:place] + name[place] + name[place:]


def _hit_beside(rng: random.Random, name: str) -> str:
    place = rng.choice(_letters(name))
    letter = name[place]
    row = next((keys for keys in _KEYBOARD if letter.lower() in keys), None)
    if row is None:
        return _doubled(rng, name)
    other = row[(row.index(letter.lower()) + 1) % len(row)]
    return name[:place] + (other.upper() if letter.isupper() else other) + name[place + 1 :]
