"""Settings in sections: the service, Django, database, Celery, API, texts and files, logs, jobs, production."""

import os
import sys
from pathlib import Path
from typing import Any

import dj_database_url
from environs import validate

from scheduler_project import connection_strings, cors, flower_access, logs
from scheduler_project import env as environment
from scheduler_project.identity import rates, roles

BASE_DIR = Path(__file__).resolve().parent.parent
env = environment.load()

# --- The service -----------------------------------------------------------------------------------------------------
SCHEDULER_ENVIRONMENT = env.str(
    "SCHEDULER_ENVIRONMENT", "development", validate=validate.OneOf(["development", "production"])
)
IS_PRODUCTION = SCHEDULER_ENVIRONMENT == "production"
SCHEDULER_VERSION = "0.1.0"
# Where people reach Flower; the execution and worker pages link to it.
SCHEDULER_FLOWER_URL = env.str("SCHEDULER_FLOWER_URL", "http://127.0.0.1:5555").rstrip("/")

# --- Django ----------------------------------------------------------------------------------------------------------
DEVELOPMENT_SECRET_KEY = "development-only-secret-key-which-production-refuses-to-start-with"  # noqa: S105
SECRET_KEY = env.str("SCHEDULER_SECRET_KEY", DEVELOPMENT_SECRET_KEY)
DEBUG = env.bool("SCHEDULER_DEBUG", False)
ALLOWED_HOSTS = env.list("SCHEDULER_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("SCHEDULER_TRUSTED_ORIGINS", [])

INSTALLED_APPS = [
    "scheduler_project.identity",
    "scheduler_project.apps.SchedulerAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "csp",
    "django_celery_beat",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "scheduler_project.demo",
    "scheduler_project.audit",
    "jobs",
    "executions",
    "dashboard",
]
MIDDLEWARE = [
    "scheduler_project.rest.CorrelationMiddleware",
    "scheduler_project.probes.ProbesMiddleware",
    "dashboard.live_middleware.live_middleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "scheduler_project.audit.caller.CallerMiddleware",
    "scheduler_project.identity.logins.LoginThrottle",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "scheduler_project.urls"
# A new token's key is shown by a message: it stays on the server, not in a cookie.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_FAILURE_VIEW = "scheduler_project.error_pages.forged"
ASGI_APPLICATION = "scheduler_project.asgi.application"
# The API's routes have no trailing slashes; the admin's own pages add theirs themselves.
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "scheduler_project" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "scheduler_project.identity.backends.RoleBackend",  # the roles answer what the admin asks
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
# How many proxies before this service write into X-Forwarded-For; 0: a request comes from whoever connects.
SCHEDULER_TRUSTED_PROXIES = env.int("SCHEDULER_TRUSTED_PROXIES", 0, validate=validate.Range(min=0, max=10))
# Of each caller of the API, and of failed logins by one name or from one address; `off`: no limit.
SCHEDULER_RATE_API = rates.parsed("SCHEDULER_RATE_API", env.str("SCHEDULER_RATE_API", "3000/min"))
SCHEDULER_RATE_LOGIN = rates.parsed("SCHEDULER_RATE_LOGIN", env.str("SCHEDULER_RATE_LOGIN", "10/min"))
# What OKLA's roles, as its tokens name them, may do here: `Admin=admin,PlatformEmployee=viewer`. Others: nothing.
SCHEDULER_JWT_ROLES = roles.mapped("SCHEDULER_JWT_ROLES", env.list("SCHEDULER_JWT_ROLES", ["Admin=admin"]))
# Believed beside Jwt__Key while the key is being changed: first the next one, then the last one (docs/identity.md).
SCHEDULER_JWT_SECOND_KEY = env.str("SCHEDULER_JWT_SECOND_KEY", "").strip()
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("SCHEDULER_SECURE_COOKIES", IS_PRODUCTION)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.bool("SCHEDULER_SSL_REDIRECT", False)
SECURE_HSTS_SECONDS = env.int("SCHEDULER_HSTS_SECONDS", 0)
# What all subdomains and browsers' preload lists should do is for the owner of the domain to say, not for one service.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
X_FRAME_OPTIONS = "DENY"
# Everything that a page loads is ours and in a file of its own.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"], "img-src": ["'self'", "data:"], "object-src": ["'none'"], "base-uri": ["'none'"],
        "form-action": ["'self'"], "frame-ancestors": ["'none'"],
    }
}  # fmt: skip
# SPEC §3: a body of more than 1 MB is refused.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576

# --- Database --------------------------------------------------------------------------------------------------------
DATABASE_URL = environment.server_url(
    env,
    "DATABASE_URL",
    "postgresql://schedulerservice@localhost:5432/schedulerservice",
    schemes=("postgresql", "postgres", "pgsql"),
)
DATABASES: dict[str, Any] = {"default": dict(dj_database_url.parse(DATABASE_URL))}
# A machine that vanishes without a word is noticed within half a minute, not when the kernel gives up after a quarter
# of an hour: heartbeats and alerts hang until then.
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": env.int("SCHEDULER_DATABASE_CONNECT_TIMEOUT", 5), "application_name": "schedulerservice",
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000,
    **DATABASES["default"].get("OPTIONS", {}),
}  # fmt: skip
# PgBouncer in transaction mode gives the next statement to another session, which knows no cursor of the last one.
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
if env.bool("SCHEDULER_DATABASE_POOL", False):
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 10, "timeout": 5}
else:
    # Workers and beat keep theirs open and replace one that broke at the next error.
    DATABASES["default"]["CONN_MAX_AGE"] = None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Celery ----------------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = environment.server_url(
    env, "CELERY_BROKER_URL", "redis://localhost:6379/0", schemes=("redis", "rediss", "redis+socket")
)
CELERY_TIMEZONE = "UTC"  # zones live on the job; never the container's TZ
CELERY_ENABLE_UTC = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
# Durability comes from the ledger, not from the broker: a message is acknowledged before the run, and none is
# fetched before a process is free. With late acknowledgement or prefetching, Celery 5.7 dies or strands messages
# when the broker restarts.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # no result backend, so no `celery.backend_cleanup` row either
# Flower reads these events.
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_TASK_SEND_SENT_EVENT = False  # would double the cost of firing; the ledger knows what was sent
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = 5
# An error that the broker answers with, a key of the wrong type say, is met with a new connection, not with the end.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_WORKER_CONSUMER = "executions.consumer:Consumer"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "priority_steps": list(range(10)),  # each of the ten priorities is served apart
    "visibility_timeout": 3600,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
}
# Celery's Django fixup would close the connection before and after every task, whatever CONN_MAX_AGE says.
CELERY_DB_REUSE_MAX = 1_000_000_000
CELERY_BEAT_SCHEDULER = "executions.beat:LedgerScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1  # seconds
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False

# --- API -------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "scheduler_project.identity.authentication.ApiTokenAuthentication",
        "scheduler_project.identity.authentication.BearerAuthentication",
        # Before the cookie: one of OKLA's that has expired is nothing to somebody who is signed in here.
        "rest_framework.authentication.SessionAuthentication",
        "scheduler_project.identity.authentication.OklaCookieAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["scheduler_project.identity.permissions.RolePermission"],
    "DEFAULT_THROTTLE_CLASSES": ["scheduler_project.identity.throttling.IdentityThrottle"],
    "NUM_PROXIES": SCHEDULER_TRUSTED_PROXIES,
    "DEFAULT_PARSER_CLASSES": ["scheduler_project.body.Body"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS tells nothing that the schema does not
    "DEFAULT_PAGINATION_CLASS": "jobs.pages.Pages",
    "DEFAULT_SCHEMA_CLASS": "scheduler_project.openapi.Schema",
    "EXCEPTION_HANDLER": "scheduler_project.rest.problem",
    "NON_FIELD_ERRORS_KEY": "body",
    "DATETIME_FORMAT": "iso-8601",
    "COERCE_DECIMAL_TO_STRING": False,
}
# The origins whose pages may ask the API from a browser, with tokens in headers; none unless named.
SCHEDULER_CORS_ORIGINS: list[str] = env.list("SCHEDULER_CORS_ORIGINS", [])
if SCHEDULER_CORS_ORIGINS:
    INSTALLED_APPS.append("corsheaders")
    MIDDLEWARE.insert(1, "corsheaders.middleware.CorsMiddleware")
    globals().update(cors.configuration(SCHEDULER_CORS_ORIGINS))
# The routes of the scheduler that this one replaces, as aliases.
SCHEDULER_LEGACY_ROUTES = env.bool("SCHEDULER_LEGACY_ROUTES", False)
SPECTACULAR_SETTINGS = {
    "TITLE": "SchedulerService",
    "DESCRIPTION": "Recurring jobs, their schedule and the full history of their executions.",
    "VERSION": SCHEDULER_VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["scheduler_project.identity.permissions.RolePermission"],
    "SCHEMA_PATH_PREFIX": "/api/scheduler",
    "ENUM_NAME_OVERRIDES": {
        "JobStatus": "jobs.enums.JobStatus",
        "ExecutionStatus": "jobs.enums.ExecutionStatus",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "scheduler_project.openapi.complete"],
}

# --- Texts, time, files ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "scheduler_project" / "locale"]
USE_I18N = True
TIME_ZONE = "UTC"  # instants are stored and sent in UTC; each job names its own zone
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = env.path("SCHEDULER_STATIC_ROOT", BASE_DIR / "var" / "static")
SERVESTATIC_USE_FINDERS = True  # served from the packages: no collectstatic step is needed

# --- Alerts ----------------------------------------------------------------------------------------------------------
# Where people reach this service: the links in messages. Empty: messages have none.
SCHEDULER_PUBLIC_URL = environment.http_url(env, "SCHEDULER_PUBLIC_URL")
# More consecutive finally failed runs than this raise an alert.
SCHEDULER_ALERT_FAILURES = env.int("SCHEDULER_ALERT_FAILURES", 2, validate=validate.Range(min=0, max=100))
# How long the oldest free run of a queue may wait for a worker.
SCHEDULER_ALERT_WAITING_SECONDS = env.int("SCHEDULER_ALERT_WAITING_SECONDS", 600, validate=validate.Range(min=10))
# Gets each alert as JSON, beside the people; with a secret, the body's HMAC is in a header.
SCHEDULER_ALERT_WEBHOOK_URL = environment.http_url(env, "SCHEDULER_ALERT_WEBHOOK_URL")
SCHEDULER_ALERT_WEBHOOK_SECRET = env.str("SCHEDULER_ALERT_WEBHOOK_SECRET", "").strip()
# Asked once a minute while the rules are being asked: its silence says that nobody is left who could say so.
SCHEDULER_SIGN_OF_LIFE_URL = environment.http_url(env, "SCHEDULER_SIGN_OF_LIFE_URL")
# Whether /metrics has lines of each job: with very many of them they are most of it.
SCHEDULER_METRICS_PER_JOB = env.bool("SCHEDULER_METRICS_PER_JOB", True)

# --- Logs ------------------------------------------------------------------------------------------------------------
# Traces are sent where OTEL_EXPORTER_OTLP_ENDPOINT says (scheduler_project/tracing.py).
SCHEDULER_LOG_FORMAT = env.str(
    "SCHEDULER_LOG_FORMAT", "json" if IS_PRODUCTION else "line", validate=validate.OneOf(["line", "json"])
)
LOG_LEVEL = env.str("SCHEDULER_LOG_LEVEL", "INFO", validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"]))
LOGGING = logs.configuration(form=SCHEDULER_LOG_FORMAT, level=LOG_LEVEL)

# --- Jobs ------------------------------------------------------------------------------------------------------------
# The visible table of what can be scheduled. A team adds its own classes by SCHEDULER_EXTRA_JOB_TYPES.
SCHEDULER_JOB_TYPES = [
    "jobs.predefined.cleanup_expired_tokens.CleanupExpiredTokensJob",
    "jobs.predefined.generate_daily_reports.GenerateDailyReportsJob",
    "jobs.predefined.send_reminder_emails.SendReminderEmailsJob",
    "jobs.predefined.cleanup_old_logs.CleanupOldLogsJob",
    "jobs.predefined.update_vehicle_listing_status.UpdateVehicleListingStatusJob",
    "jobs.predefined.sync_vehicle_prices.SyncVehiclePricesJob",
    "jobs.predefined.backup_database.BackupDatabaseJob",
    "jobs.predefined.health_check_monitoring.HealthCheckMonitoringJob",
    "jobs.predefined.http_request.HttpRequestJob",
    *env.list("SCHEDULER_EXTRA_JOB_TYPES", []),
]
SCHEDULER_INSTALL_PREDEFINED_JOBS = env.bool("SCHEDULER_INSTALL_PREDEFINED_JOBS", True)
# Where a health target is reached when not at its default http://{service}:8080/health: `name=url,name=url`.
SCHEDULER_HEALTH_URLS = environment.pairs(env, "SCHEDULER_HEALTH_URLS")
# What HttpRequestJob may call: host names, each with an optional :port; *.example.com means every host below it.
SCHEDULER_OUTGOING_HOSTS: list[str] = env.list("SCHEDULER_OUTGOING_HOSTS", [])
SCHEDULER_OUTPUT_MAX_BYTES = env.int("SCHEDULER_OUTPUT_MAX_BYTES", 1_048_576, validate=validate.Range(min=1_024))

# --- The neighbours: names and forms are those that OKLA's own services are configured by -----------------------------
# X_DATABASE_CONNECTION_STRING, as a URL or in Npgsql's form: the database of the service x. What its tables and columns
# are called says one mapping.
SCHEDULER_SERVICE_DATABASES = connection_strings.of_services(os.environ)
SCHEDULER_TABLE_MAPPING = env.str("SCHEDULER_TABLE_MAPPING", "original")
SCHEDULER_NOTIFICATION_SERVICE_URL = environment.http_url(env, "ServiceUrls__NotificationService")
SCHEDULER_AUDIT_SERVICE_URL = environment.http_url(env, "ServiceUrls__AuditService")
SCHEDULER_PRICING_AGENT_URL = environment.http_url(env, "ServiceUrls__PricingAgent")
SCHEDULER_PRICING_ML_URL = environment.http_url(env, "ServiceUrls__PricingMlService")
SCHEDULER_INTERNAL_API_KEY = env.str("Security__InternalApiKey", "").strip()
# The key, issuer and audience of the tokens that OKLA's AuthService gives people, and this service its neighbours.
SCHEDULER_JWT = {
    "key": env.str("Jwt__Key", "").strip(),
    "issuer": env.str("Jwt__Issuer", "").strip(),
    "audience": env.str("Jwt__Audience", "").strip(),
}
# A PEM file of authorities to be believed beside the public ones, by HTTP and SMTP.
SCHEDULER_CA_BUNDLE = env.str("SCHEDULER_CA_BUNDLE", "")
# smtp://user:password@host:587?tls=starttls in the place of NotificationService.
SCHEDULER_SMTP_URL = environment.server_url(env, "SCHEDULER_SMTP_URL", "", schemes=("smtp", "smtps"))
SCHEDULER_MAIL_FROM = env.str("SCHEDULER_MAIL_FROM", "noreply@okla.com.do")
SCHEDULER_ALERT_EMAILS = env.list("SCHEDULER_ALERT_EMAILS", ["admin@okla.com.do"])
# s3://bucket/prefix?endpoint=https://host&region=name, or file:///folder. AWS_* variables carry the key, as everywhere.
SCHEDULER_ARCHIVE_URL = environment.server_url(env, "SCHEDULER_ARCHIVE_URL", "", schemes=("s3", "file"))
SCHEDULER_BACKUP_URL = environment.server_url(env, "SCHEDULER_BACKUP_URL", "", schemes=("s3", "file"))
# Where pg_dump and pg_restore are; without it: on PATH, then in the embedded wheel.
SCHEDULER_PG_BIN = env.str("SCHEDULER_PG_BIN", "")
# Where dumps and exports wait until they are stored; the system's folder for temporary files unless set.
SCHEDULER_WORK_DIR = env.str("SCHEDULER_WORK_DIR", "")
# How long a worker that is stopped waits for its runs before it ends them. What stops the worker must wait longer.
SCHEDULER_SHUTDOWN_SECONDS = env.int("SCHEDULER_SHUTDOWN_SECONDS", 60, validate=validate.Range(min=0))

# --- Production refuses what is only for development -----------------------------------------------------------------
if IS_PRODUCTION:
    environment.refuse_development_values(
        secret_key=SECRET_KEY,
        development_secret_key=DEVELOPMENT_SECRET_KEY,
        debug=DEBUG,
        is_demo=env.str("SCHEDULER_DEMO", "").lower() in ("true", "1", "yes", "on"),
        allowed_hosts=ALLOWED_HOSTS,
        urls={"DATABASE_URL": DATABASE_URL, "CELERY_BROKER_URL": CELERY_BROKER_URL},
        keys={
            "Security__InternalApiKey": SCHEDULER_INTERNAL_API_KEY,
            "Jwt__Key": SCHEDULER_JWT["key"],
            "SCHEDULER_JWT_SECOND_KEY": SCHEDULER_JWT_SECOND_KEY,
        },
    )
    flower_access.refuse_open(sys.argv, os.environ)
