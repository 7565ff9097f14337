"""The words that NotificationService takes for an attack, wherever they stand in a text (OKLA.md §2)."""

SQL_WORDS = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "DROP", "CREATE", "ALTER", "EXEC", "UNION", "DECLARE", "CAST", "CONVERT",
    "--", "/*", "*/", "XP_", "SP_", "INFORMATION_SCHEMA", "SYSOBJECTS", "SYSCOLUMNS", "TABLE_SCHEMA", "@@VERSION",
    "WAITFOR", "DELAY", "BENCHMARK", "SLEEP", "SHUTDOWN",
)  # fmt: skip
SCRIPT_WORDS = (
    "<script", "</script>", "javascript:", "onerror=", "onload=", "onclick=", "onmouseover=", "<iframe", "</iframe>",
    "<object", "</object>", "<embed", "</embed>", "<img", "src=", "eval(", "expression(", "vbscript:",
    "data:text/html", "base64", "<svg", "onanimationend=", "onanimationstart=", "ontransitionend=", "<link",
)  # fmt: skip


def sql_faults(text: str) -> list[str]:
    return ["Potential SQL injection detected"] if any(word in text.upper() for word in SQL_WORDS) else []


def script_faults(text: str) -> list[str]:
    return ["Potential XSS attack detected"] if any(word in text.lower() for word in SCRIPT_WORDS) else []
