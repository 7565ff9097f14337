"""The doors to what runs left behind: reports and other files."""

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from executions.api import execution_key
from executions.context import ARTIFACT_NAME
from executions.models import Artifact, JobExecution
from executions.serializers import ArtifactsSerializer

# A stored page is shown, and can do nothing: no script, no form, no request, no access to our cookies.
HARMLESS = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


class ArtifactsView(APIView):
    """The files that a run left, by name."""

    @extend_schema(operation_id="executions_artifacts_list", responses=ArtifactsSerializer)
    def get(self, request: Request, execution_id: str) -> Response:
        artifacts = Artifact.objects.filter(execution_id=_existing(execution_id)).defer("content")
        return Response(ArtifactsSerializer({"items": artifacts}).data)


class AsStored(BaseRenderer):
    """Whatever a caller accepts: the file is of the type that it is of."""

    media_type = "*/*"
    format = "bytes"


class ArtifactView(APIView):
    """One of them, as it was left."""

    renderer_classes = [AsStored]

    @extend_schema(
        responses={
            (200, "*/*"): OpenApiResponse(
                OpenApiTypes.BINARY, description="The file, under the content type that it was left with."
            )
        }
    )
    def get(self, request: Request, execution_id: str, name: str) -> HttpResponse:
        artifacts = Artifact.objects.filter(execution_id=_existing(execution_id))
        artifact = artifacts.filter(name=name).first() if ARTIFACT_NAME.fullmatch(name) else None
        if artifact is None:
            raise NotFound(_("The execution has no artifact of this name."))
        return HttpResponse(
            bytes(artifact.content),
            content_type=_with_charset(artifact.content_type),
            headers={
                "Content-Disposition": f'inline; filename="{artifact.name}"',
                "Content-Security-Policy": HARMLESS,
                "X-Content-Type-Options": "nosniff",
            },
        )


def _existing(execution_id: str) -> UUID:
    """The execution's id. Raises JobExecution.DoesNotExist."""
    return JobExecution.objects.only("id").get(pk=execution_key(execution_id)).id


def _with_charset(content_type: str) -> str:
    """Texts are kept in UTF-8 (`RunContext.artifact`)."""
    is_plain = content_type.startswith("text/") and "charset" not in content_type.lower()
    return f"{content_type}; charset=utf-8" if is_plain else content_type
