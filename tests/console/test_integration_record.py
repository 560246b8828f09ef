"""The integration record on the screen: what is shown, what can be ordered, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select
from starlette.testclient import TestClient

from api.identity import COOKIE
from syncengine.desk.freshness import Freshness, Pulse, freshness
from syncengine.model import Account, AuditEvent, CycleStatus, FreeFieldDefinition, FreeFieldState, RunRequest
from syncengine.storage.store import Store
from tests.console.browser import looking
from tests.console.prepared import Prepared

AT = datetime.fromisoformat("2026-11-21T08:30:00+00:00")


@pytest.fixture(scope="module")
def admin(console: Prepared) -> Iterator[TestClient]:
    """An administrator without a browser."""
    cookie = console.session("chef")
    with TestClient(console.app, base_url=console.url, follow_redirects=True) as client:
        client.cookies.set(COOKIE, cookie["value"])
        yield client


@pytest.fixture
def base(console: Prepared) -> str:
    """The address of the record."""
    return f"/integrations/{console.integration_id}"


@pytest.mark.req("CRM-15")
def test_the_record_shows_how_it_stands(admin: TestClient, base: str) -> None:
    """Version of the gateway, compatibility of the contract, connection, state; passwords only as stored."""
    page = admin.get(base).text
    for words in (
        "Version de la passerelle",
        "compatible",
        "Connectée",
        "mot de passe enregistré",
        "Toutes les 60 minutes",
    ):
        assert words in page
    assert "fernet" not in page.lower()


@pytest.mark.req("CRM-18")
def test_settings_change_only_while_deactivated(admin: TestClient, console: Prepared, base: str) -> None:
    """Given an active integration, its form is not offered and refuses; deactivated, it is changed and audited from → to."""
    assert admin.get(f"{base}/settings/edit").url.path == f"{base}/settings"
    form = {"name": "Sage100", "interval_min": "45"}
    refused = admin.post(f"{base}/settings", data=form)
    assert refused.status_code == 422
    assert "lorsque l&#39;intégration est désactivée" in refused.text
    admin.post(f"{base}/deactivation")
    assert "Les paramètres sont modifiés" in admin.post(f"{base}/settings", data=form).text
    wrong = admin.post(f"{base}/settings", data={**form, "interval_min": "10", "code_suffix": "<b>"})
    assert wrong.status_code == 422
    assert "l&#39;intervalle est de 30 à 10080 minutes" in wrong.text
    assert 'value="&lt;b&gt;"' in wrong.text
    admin.post(f"{base}/settings", data={**form, "interval_min": "60"})
    admin.post(f"{base}/activation")
    with console.engine.store.reading() as session:
        changes = session.scalars(select(AuditEvent.detail).where(AuditEvent.action == "integration.changed")).all()
    assert changes[0] is not None
    assert changes[0]["interval_min"] == [60, 45]


@pytest.mark.req("CRM-19", "NEW-02")
def test_cycles_and_previews_are_ordered_by_buttons(admin: TestClient, console: Prepared, base: str) -> None:
    """A double click orders one; a full send while active is refused with what to do, on the page of the button."""
    once = {"_once": "a" * 32, "_back": base}
    for _ in range(2):
        admin.post(f"{base}/cycles", data={**once, "kind": "sync", "preview": "1"})
    with console.engine.store.reading() as session:
        runs = session.scalars(select(RunRequest).where(RunRequest.asked_by == "chef")).all()
    assert [(run.preview, run.order) for run in runs] == [(True, {"by": "chef"})]
    refused = admin.post(f"{base}/cycles", data={"kind": "crm", "_back": base})
    assert refused.url.path == base
    assert "Que faire" in refused.text


@pytest.mark.req("CRM-53")
def test_the_connection_is_tested_step_by_step(console: Prepared, browser: Browser, base: str) -> None:
    """Given the gateway is there, when the test is opened, then every step is told as passed, by itself."""
    with looking(browser, console.url, [console.session("chef")]) as page:
        page.goto(f"{base}/connection")
        expect(page.get_by_text("La connexion fonctionne.")).to_be_visible()
        assert page.locator(".steps-list li").count() == 9
        assert page.get_by_text("Réussi").count() == 9


@pytest.mark.req("CRM-58")
def test_gestion_commerciale_is_disconnected_and_reconnected(admin: TestClient, base: str) -> None:
    """Meanwhile the page says that nothing is synchronised, and the connection is not tested."""
    assert "La base Sage 100 est libérée" in admin.post(f"{base}/disconnection").text
    shown = admin.get(base).text
    assert "libérée pour un travail exclusif" in shown
    assert admin.get(f"{base}/connection").status_code == 409
    assert "de nouveau utilisée" in admin.post(f"{base}/reconnection").text


@pytest.mark.req("CRM-51", "CRM-52")
def test_a_cycle_is_analysed_and_its_log_read(admin: TestClient, base: str) -> None:
    """Groups with counts, examples and what to do; the log's lines by importance, and the file as it is."""
    analysis = admin.get(f"{base}/analysis").text
    assert "Fiches que le CRM n&#39;a pas pu reprendre" in analysis
    assert "Que faire" in analysis
    assert admin.get(f"{base}/analysis?cycle=999").status_code == 404
    page = admin.get(f"{base}/logs?level=warn").text
    assert "Fiche refusée" in page
    assert "Cycle commencé" not in page
    assert '"event": "cycle_started"' in admin.get(f"{base}/logs/integration-1.log").text
    for other in ("integration-2.log", "syncengine.log", "..%2Fcrm.db"):
        assert admin.get(f"{base}/logs/{other}").status_code == 404


@pytest.mark.req("CRM-03", "CRM-47")
def test_the_mapping_is_shown_and_pairs_are_added(admin: TestClient, base: str) -> None:
    """Fields filtered by the address and as a file; a pair of the CRM's own made, replicated, and no longer."""
    found = admin.get(f"{base}/mapping?text=siret").text
    assert "CT_Siret" in found
    assert "CT_Intitule" not in found
    assert admin.get(f"{base}/mapping?format=csv").headers["content-type"].startswith("text/csv")
    made = admin.post(
        f"{base}/mapping/fields", data={"own_name": "region_vente", "own_label": "Région <i>", "pair": "1"}
    )
    assert "comp_region_vente" in made.text
    assert "Région &lt;i&gt;" in made.text
    wrong = admin.post(f"{base}/mapping/fields", data={"own_name": "1 x", "own_label": "y"})
    assert wrong.status_code == 422
    assert 'value="1 x"' in wrong.text
    assert "n&#39;est plus répliquée" in admin.post(f"{base}/mapping/fields/region_vente/unpair").text


@pytest.mark.req("CRM-46")
def test_struck_free_fields_are_removed(admin: TestClient, console: Prepared, base: str) -> None:
    """Given a field that is no longer replicated, it is struck out, and goes on demand."""
    with console.engine.store.writing() as session:
        gone = {"name": "Ancien champ", "type": "text", "state": FreeFieldState.NO_LONGER_REPLICATED}
        session.add(FreeFieldDefinition(integration_id=console.integration_id, **gone))
    assert '<s class="struck">Ancien champ</s>' in admin.get(f"{base}/free-fields").text
    assert "Ancien champ" not in admin.post(f"{base}/free-fields/removals").text


@pytest.mark.req("CRM-34")
def test_a_company_is_created_for_an_orphan(admin: TestClient, console: Prepared, base: str) -> None:
    """Given a tiers without company, when 'Créer la société' is pressed, then it has one and leaves the list."""
    account_id = _orphan(console.engine.store, console.integration_id)
    assert f"/orphans/{account_id}/companies" in admin.get(f"{base}/orphans").text
    assert "est créée" in admin.post(f"{base}/orphans/{account_id}/companies").text
    assert f"/orphans/{account_id}/companies" not in admin.get(f"{base}/orphans").text
    assert admin.post(f"{base}/orphans/999999/companies").status_code == 404


def _orphan(store: Store, integration_id: int) -> int:
    with store.writing() as session:
        of = (Account.integration_id == integration_id, Account.is_main)
        account = session.scalars(select(Account).where(*of).order_by(Account.id.desc()).limit(1)).one()
        account.company_id, account.is_main = None, False
        return account.id


def test_who_is_no_administrator_sees_and_may_not_change(console: Prepared, base: str) -> None:
    """Given a user, then the buttons of administrators are not there, and their addresses refuse."""
    cookie = console.session("lectrice", administrator=False)
    client = TestClient(console.app, base_url=console.url, follow_redirects=False)
    client.cookies.set(COOKIE, cookie["value"])
    page = client.get(base).text
    assert "Synchroniser maintenant" in page
    assert "Désactiver" not in page
    assert client.post(f"{base}/deactivation").status_code == 403


@pytest.mark.parametrize(
    ("wanted", "pulse"),
    [
        (Freshness.ON_TIME, {}),
        (Freshness.INACTIVE, {"active": False}),
        (Freshness.DISCONNECTED, {"connected": False}),
        (Freshness.RUNNING, {"running": True, "failures": 3}),
        (Freshness.FAILED, {"failures": 1}),
        (Freshness.FAILED, {"last": CycleStatus.FAILURE}),
        (Freshness.FIRST, {"well_at": None, "last": None}),
        (Freshness.LATE, {"due_at": datetime.fromisoformat("2026-11-21T08:20:00+00:00")}),
        (Freshness.LATE, {"well_at": datetime.fromisoformat("2026-11-21T07:20:00+00:00")}),
        (Freshness.ON_TIME, {"last": CycleStatus.WARNING}),
    ],
)
def test_freshness_is_what_the_schedule_promises(wanted: Freshness, pulse: dict[str, object]) -> None:
    """A success an hour and ten minutes ago of an hourly schedule is late, whatever the last result was."""
    usual: dict[str, object] = {
        "active": True,
        "connected": True,
        "running": False,
        "failures": 0,
        "interval_min": 60,
        "due_at": datetime.fromisoformat("2026-11-21T08:45:00+00:00"),
        "last": CycleStatus.SUCCESS,
        "well_at": datetime.fromisoformat("2026-11-21T07:45:00+00:00"),
    }
    assert freshness(Pulse(**{**usual, **pulse}), AT) is wanted  # type: ignore[arg-type]
