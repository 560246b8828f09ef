"""What the live views show, read in the ERP at the moment of the call and never synchronised (CRM-54, CRM-55)."""

from __future__ import annotations

from contracts.fields import Many, Part, Struct
from contracts.leaf import amount, day, flag, integer, text

SOLVENCY = Struct(
    "Solvency",
    (
        amount("CreditLimit", "encours autorisé", erp="F_COMPTET.CT_Encours"),
        amount("Insurance", "plafond d'assurance-crédit", erp="F_COMPTET.CT_Assurance"),
        text("CreditControl", "automatic | risk_code | blocked", length=20, erp="F_COMPTET.CT_ControlEnc"),
        text("RiskLabel", "libellé du code risque", length=35, erp="P_CRISQUE.R_Intitule"),
        text("RiskAction", "deliver | watch | block", length=10, erp="P_CRISQUE.R_Type"),
        amount("AccountingBalance", "debit − credit over the open years", erp="F_ECRITUREC.EC_Montant"),
        amount("Portfolio", "documents that count, by P_BaseEncours", erp="F_DOCLIGNE.DL_MontantTTC"),
        amount("Outstanding", "balance + portfolio"),
        amount("Available", "limit − outstanding"),
        flag("Blocked", "whether the ERP would refuse to deliver now"),
        amount("NotDue", "unlettered, due later"),
        amount("Overdue30", "1 to 30 days"),
        amount("Overdue60", "31 to 60 days"),
        amount("Overdue90", "61 to 90 days"),
        amount("OverdueMore", "over 90 days"),
    ),
    "Solvabilité (CRM-54).",
)
CUMULATED = Struct(
    "CumulatedFigure",
    (
        day("PeriodStart", "first day of the month"),
        day("PeriodEnd", "last day of the month"),
        amount("Debit", "sum of the debits", erp="F_ECRITUREC.EC_Montant"),
        amount("Credit", "sum of the credits", erp="F_ECRITUREC.EC_Montant"),
        amount("Balance", "debit − credit"),
        amount("Turnover", "before tax, invoices of the period"),
        amount("TurnoverWithTax", "the same, tax included; since 1.1"),
    ),
    "One period of the tab Cumuls (CRM-54).",
)
ENTRY = Struct(
    "Entry",
    (
        integer("Key", "number of the entry", erp="F_ECRITUREC.EC_No"),
        day("Date", "accounting date", erp="F_ECRITUREC.JM_Date|EC_Jour"),
        text("Journal", "code journal", length=7, erp="F_ECRITUREC.JO_Num"),
        text("Piece", "n° de pièce", length=13, erp="F_ECRITUREC.EC_Piece"),
        text("Reference", "référence pièce", length=17, erp="F_ECRITUREC.EC_RefPiece"),
        text("Account", "compte général", length=13, erp="F_ECRITUREC.CG_Num"),
        text("Label", "libellé", length=69, erp="F_ECRITUREC.EC_Intitule"),
        amount("Debit", "absent when it is a credit", erp="F_ECRITUREC.EC_Montant"),
        amount("Credit", "absent when it is a debit", erp="F_ECRITUREC.EC_Montant"),
        day("DueDate", "échéance", erp="F_ECRITUREC.EC_Echeance"),
        text("PaymentMethod", "mode de règlement", length=35, erp="P_REGLEMENT.R_Intitule"),
        text("Lettering", "lettrage; empty when unlettered", length=3, erp="F_ECRITUREC.EC_Lettrage"),
    ),
    "One accounting entry of a tiers (CRM-54, Écritures).",
)
_DOCUMENT_PARTS: tuple[Part, ...] = (
    text("Type", "DE | BC | PL | BL | BR | BA | FA | FC", length=5, required=True, erp="F_DOCENTETE.DO_Type"),
    text("Number", "n° de pièce", length=13, required=True, erp="F_DOCENTETE.DO_Piece"),
    day("Date", "date du document", erp="F_DOCENTETE.DO_Date"),
    day("DeliveryDate", "date de livraison", erp="F_DOCENTETE.DO_DateLivr"),
    text("Reference", "référence", length=17, erp="F_DOCENTETE.DO_Ref"),
    text("Tiers", "code comptable", length=17, erp="F_DOCENTETE.DO_Tiers"),
    text("TiersName", "intitulé du tiers", length=69, erp="F_COMPTET.CT_Intitule"),
    text("Payer", "tiers payeur", length=17, erp="F_DOCENTETE.CT_NumPayeur"),
    text("Representative", "last name and first name", length=71, erp="F_DOCENTETE.CO_No"),
    text("Status", "statut, as the ERP names it", length=20, erp="F_DOCENTETE.DO_Statut"),
    flag("Closed", "document clôturé", erp="F_DOCENTETE.DO_Cloture"),
    text("Currency", "ISO code", length=3, erp="F_DOCENTETE.DO_Devise"),
    amount("TotalBeforeTax", "total HT", erp="F_DOCENTETE.DO_TotalHT"),
    amount("TotalWithTax", "total TTC", erp="F_DOCENTETE.DO_TotalTTC"),
    amount("NetToPay", "net à payer", erp="F_DOCENTETE.DO_NetAPayer"),
    amount("Settled", "montant réglé", erp="F_DOCENTETE.DO_MontantRegle"),
    text("Heading1", "champ Entête 1", length=25, erp="F_DOCENTETE.DO_Coord01"),
    text("Heading2", "champ Entête 2", length=25, erp="F_DOCENTETE.DO_Coord02"),
    text("Heading3", "champ Entête 3", length=25, erp="F_DOCENTETE.DO_Coord03"),
    text("Heading4", "champ Entête 4", length=25, erp="F_DOCENTETE.DO_Coord04"),
)
DOCUMENT = Struct("Document", _DOCUMENT_PARTS, "The header of a commercial document (CRM-54, CRM-55).")
DOCUMENT_LINE = Struct(
    "DocumentLine",
    (
        integer("Key", "number of the line", erp="F_DOCLIGNE.DL_No"),
        text("Type", "of the document", length=5, erp="F_DOCLIGNE.DO_Type"),
        text("Number", "of the document", length=13, erp="F_DOCLIGNE.DO_Piece"),
        day("Date", "of the document", erp="F_DOCLIGNE.DO_Date"),
        text("Article", "référence article", length=19, erp="F_DOCLIGNE.AR_Ref"),
        text("Designation", "désignation", length=69, erp="F_DOCLIGNE.DL_Design"),
        amount("Quantity", "quantité", erp="F_DOCLIGNE.DL_Qte"),
        amount("UnitPrice", "before tax", erp="F_DOCLIGNE.DL_PrixUnitaire"),
        text("Discount", "as entered: 5 %, 10 + 5 %", length=60, erp="F_DOCLIGNE.DL_Remise01REM_Valeur"),
        amount("AmountBeforeTax", "montant HT", erp="F_DOCLIGNE.DL_MontantHT"),
        amount("AmountWithTax", "montant TTC", erp="F_DOCLIGNE.DL_MontantTTC"),
        text("Representative", "last name and first name", length=71, erp="F_DOCLIGNE.CO_No"),
    ),
    "One line (CRM-54, Interrogation commerciale).",
)
WHOLE_DOCUMENT = Struct(
    "WholeDocument", (*_DOCUMENT_PARTS, Many(name="Lines", of=DOCUMENT_LINE)), "A document with its lines."
)
