"""``syncengine alerts``: what is wrong, who is told, and what they were sent (NEW-09)."""

from __future__ import annotations

from typing import Annotated

import typer

from syncengine import integrations
from syncengine.commands.answers import tell
from syncengine.commands.options import AsJson, Limit
from syncengine.commands.pages import page_of, show_page
from syncengine.desk import alert_channels, alerts
from syncengine.desk.alert_channels import ChannelView, DeliveryView, NewChannel
from syncengine.desk.alerts import AlertView
from syncengine.engine import Engine, opened
from syncengine.errors import ExitCode
from syncengine.model import DeliveryState
from syncengine.screen import show_json, show_table
from syncengine.service.deliveries import deliver_now

app = typer.Typer(no_args_is_help=True, help="Alerts by e-mail and webhook: on failure, staleness, guards and drift.")

Channel = Annotated[int, typer.Argument(metavar="CHANNEL", min=1, help="Number of the channel.")]
OfOne = Annotated[str | None, typer.Option("--integration", help="Of one integration only.")]
Before = Annotated[int | None, typer.Option("--after", help="Continue: what the page before ended with.")]


@app.command("list")
def list_all(
    *,
    integration: OfOne = None,
    closed_too: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    limit: Limit = 20,
    before: Before = None,
    as_json: AsJson = False,
) -> None:
    """List the open alerts, the newest first."""
    with opened() as engine, engine.store.reading() as session:
        of = None if integration is None else integrations.find(session, integration).id
        found = alerts.list_alerts(session, integration_id=of, closed_too=closed_too, limit=limit + 1, before=before)
    headings = ("N°", "Intégration", "Alerte", "Depuis", "Vue", "Fois", "Levée", "Code", "Détail", "Que faire")
    show_page(page_of(found, limit, lambda alert: alert.id), headings, _alert_row, as_json=as_json)


@app.command()
def close(
    alert: Annotated[int, typer.Argument(metavar="ALERT", min=1, help="Number of the alert.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Close an alert by hand; it opens again if its cause is met again."""
    with opened() as engine, engine.store.writing() as session:
        closed = alerts.close_alert(session, alert, at=engine.store.clock())
    tell(closed, f"alerte {alert} levée", as_json=as_json)


@app.command()
def channels(*, as_json: AsJson = False) -> None:
    """List who is told."""
    with opened() as engine, engine.store.reading() as session:
        found = alert_channels.list_channels(session)
    if as_json:
        show_json(found)
    else:
        show_table(("N°", "Canal", "Adresse", "Intégration", "Actif"), map(_channel_row, found))


@app.command("add-email")
def add_email(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The e-mail address to tell.")],
    *,
    integration: OfOne = None,
    as_json: AsJson = False,
) -> None:
    """Tell an e-mail address of the alerts of all integrations, or of one; the settings smtp_… say through which server."""
    with opened() as engine:
        with engine.store.writing() as session:
            of = None if integration is None else integrations.find(session, integration).id
            made = alert_channels.add_email(session, address, integration_id=of, at=engine.store.clock())
        if engine.settings.smtp_host is None or engine.settings.mail_from is None:
            typer.echo("! aucun message ne part avant que smtp_host et mail_from soient réglés", err=True)
    _show_new(made, as_json=as_json)


@app.command("add-webhook")
def add_webhook(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where messages are posted to.")],
    *,
    integration: OfOne = None,
    as_json: AsJson = False,
) -> None:
    """Tell a server by Standard Webhooks; its secret is shown this once."""
    with opened() as engine, engine.store.writing() as session:
        of = None if integration is None else integrations.find(session, integration).id
        made = alert_channels.add_webhook(
            session,
            url,
            integration_id=of,
            private=engine.settings.webhook_private_networks,
            secrets=engine.secrets,
            at=engine.store.clock(),
        )
    _show_new(made, as_json=as_json)


@app.command()
def modify(
    channel: Channel,
    *,
    active: Annotated[bool | None, typer.Option("--on/--off", help="Tell it again, or no more.")] = None,
    new_secret: Annotated[bool, typer.Option("--new-secret", help="Make a new secret, shown this once.")] = False,
    as_json: AsJson = False,
) -> None:
    """Switch a channel on or off, or give a webhook a new secret."""
    with opened() as engine, engine.store.writing() as session:
        made = alert_channels.renew_secret(session, channel, secrets=engine.secrets) if new_secret else None
        if active is not None:
            alert_channels.set_active(session, channel, active=active, at=engine.store.clock())
        view = alert_channels.show_channel(session, channel)
    _show_new(NewChannel(channel=view, secret=made.secret if made else None), as_json=as_json)


@app.command()
def remove(channel: Channel, *, as_json: AsJson = False) -> None:
    """Forget a channel and the list of what it was sent."""
    with opened() as engine, engine.store.writing() as session:
        gone = alert_channels.remove_channel(session, channel)
    tell(gone, f"canal {channel} retiré : {gone.target}", as_json=as_json)


@app.command("test")
def send_test(channel: Channel, *, as_json: AsJson = False) -> None:
    """Send a test message now, and say what the other side answered."""
    with opened() as engine:
        sent = _tested(engine, channel)
    tell(sent, f"{sent.state} : {sent.answer}", as_json=as_json)
    if sent.state is not DeliveryState.DELIVERED:
        raise typer.Exit(ExitCode.UNREACHABLE)


@app.command()
def deliveries(
    channel: Annotated[int | None, typer.Option(min=1, help="To one channel only.")] = None,
    *,
    state: Annotated[DeliveryState | None, typer.Option(help="In one state only.")] = None,
    limit: Limit = 20,
    before: Before = None,
    as_json: AsJson = False,
) -> None:
    """List what was sent and what waits, the newest first: how often it was tried, and what the other side said."""
    with opened() as engine, engine.store.reading() as session:
        found = alert_channels.list_deliveries(session, channel_id=channel, state=state, limit=limit + 1, before=before)
    headings = ("N°", "Canal", "Adresse", "Alerte", "Message", "État", "Essais", "Prochain", "Réponse", "Écrit le")
    show_page(page_of(found, limit, lambda delivery: delivery.id), headings, _delivery_row, as_json=as_json)


def _tested(engine: Engine, channel: int) -> DeliveryView:
    with engine.store.writing() as session:
        number = alert_channels.write_test(session, channel, at=engine.store.clock())
    deliver_now(engine, number)
    with engine.store.reading() as session:
        return alert_channels.show_delivery(session, number)


def _show_new(made: NewChannel, *, as_json: bool) -> None:
    view = made.channel
    of = "toutes les intégrations" if view.integration is None else view.integration
    words = f"canal {view.id} : {view.target} ({of}{'' if view.active else ', inactif'})"
    if made.secret is not None:
        words += f"\nsecret, montré cette fois seulement : {made.secret}"
    tell(made, words, as_json=as_json)


def _alert_row(alert: AlertView) -> tuple[object, ...]:
    seen = (alert.opened_at, alert.seen_at, alert.times, alert.closed_at)
    return (alert.id, alert.integration, alert.words, *seen, alert.code, alert.message, alert.remedy)


def _channel_row(channel: ChannelView) -> tuple[object, ...]:
    return (channel.id, channel.kind, channel.target, channel.integration or "toutes", channel.active)


def _delivery_row(one: DeliveryView) -> tuple[object, ...]:
    tried = (one.state, one.attempts, one.due_at, one.answer)
    return (one.id, one.channel_id, one.target, one.alert_id, one.event, *tried, one.created_at)
