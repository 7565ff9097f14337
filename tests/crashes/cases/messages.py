"""What the cases of jobs that send share: what became of their messages, by the peers and by our rows."""

from collections.abc import Mapping

from executions.models import Alert
from jobs.deliveries import UNCERTAIN
from jobs.messages import SentMessage
from tests.crashes.invariants import Told
from tests.crashes.stage import Scene

# Where the sending itself may be cut short. The last one: an attempt finds what another has left uncertain, and dies.
POINTS = {
    "messages.after_claim": 3, "send.before": 3, "send.after": 3, "send.before > uncertain.after_settle": 1,
}  # fmt: skip


def told_now(scene: Scene, recipients: frozenset[str], of_subject: Mapping[str, str]) -> Told:
    """`of_subject`: whose message a row is about; one that is not in there is its recipient's own address."""
    rows = SentMessage.objects.values_list("subject_id", "status")
    alerts = Alert.objects.filter(subject=UNCERTAIN)
    return Told(
        recipients,
        mails=dict(scene.peers.mails),
        statuses={of_subject.get(key, key): status for key, status in rows},
        is_alerted=alerts.exists(),
        is_alert_open=alerts.filter(closed_at=None).exists(),
    )
