"""The tables of OKLA's services as the client's first document names them, quoted as EF Core quotes."""

TABLES = {
    "authservice": """
        CREATE TABLE "RefreshTokens" (
            "Id" varchar(450) PRIMARY KEY, "Token" varchar(500) NOT NULL UNIQUE, "UserId" varchar(450) NOT NULL,
            "ExpiresAt" timestamptz NOT NULL, "CreatedAt" timestamptz NOT NULL DEFAULT now(), "RevokedAt" timestamptz
        );
        CREATE INDEX "IX_RefreshTokens_ExpiresAt" ON "RefreshTokens" ("ExpiresAt");
        CREATE TABLE "VerificationTokens" (
            "Id" uuid PRIMARY KEY, "Token" varchar(500) NOT NULL UNIQUE, "Email" varchar(256) NOT NULL,
            "Type" int NOT NULL, "ExpiresAt" timestamptz NOT NULL, "CreatedAt" timestamptz NOT NULL DEFAULT now(),
            "IsUsed" boolean NOT NULL DEFAULT false
        );
        CREATE INDEX "IX_VerificationTokens_ExpiresAt" ON "VerificationTokens" ("ExpiresAt");
    """,
    "userservice": """
        CREATE TABLE "Users" (
            "Id" uuid PRIMARY KEY, "Email" varchar(256) NOT NULL, "FirstName" varchar(100), "LastName" varchar(100),
            "AccountType" text NOT NULL DEFAULT 'Seller', "PreferredLocale" varchar(10) NOT NULL DEFAULT 'es-DO'
        );
    """,
    "vehiclessaleservice": """
        CREATE TABLE "Vehicles" (
            "Id" uuid PRIMARY KEY, "SellerId" uuid NOT NULL, "Title" varchar(300) NOT NULL,
            "Make" varchar(100) NOT NULL, "Model" varchar(100) NOT NULL, "Year" int NOT NULL, "Mileage" int NOT NULL,
            "Price" numeric(18,2) NOT NULL, "Currency" varchar(3) NOT NULL DEFAULT 'USD',
            "Status" varchar(20) NOT NULL, "SuggestedPrice" numeric(18,2),
            "CreatedAt" timestamptz NOT NULL DEFAULT now(), "PublishedAt" timestamptz, "SoldAt" timestamptz,
            "City" varchar(100)
        );
        CREATE INDEX "IX_Vehicles_Status" ON "Vehicles" ("Status");
        CREATE INDEX "IX_Vehicles_Make_Model_Year" ON "Vehicles" ("Make", "Model", "Year");
    """,
    "appointmentservice": """
        CREATE TABLE "Appointments" (
            "Id" uuid PRIMARY KEY, "ClientName" varchar(200) NOT NULL DEFAULT '', "ClientEmail" varchar(200) NOT NULL,
            "ScheduledDate" timestamptz NOT NULL, "ScheduledTime" time NOT NULL,
            "VehicleDescription" varchar(500), "ReminderSent" boolean NOT NULL DEFAULT false
        );
        CREATE INDEX "IX_Appointments_ScheduledDate" ON "Appointments" ("ScheduledDate");
    """,
    "errorservice": """
        CREATE TABLE "Logs" (
            "Id" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "Timestamp" timestamptz NOT NULL,
            "Level" varchar(20) NOT NULL, "Service" varchar(100) NOT NULL, "Message" text NOT NULL,
            "Exception" text, "Properties" jsonb
        );
        CREATE INDEX "IX_Logs_Timestamp" ON "Logs" ("Timestamp");
    """,
}
