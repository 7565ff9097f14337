"""The tables of OKLA's services as they are, with the columns that matter of each (OKLA.md §1).

Types and NULLs are theirs. A default stands only where their database has one: what EF Core fills in, a row must bring.
"""

TABLES = {
    "authservice": """
        CREATE TABLE "Users" (
            "Id" varchar(450) PRIMARY KEY, "Email" varchar(256) NOT NULL, "CreatedAt" timestamptz NOT NULL
        );
        CREATE TABLE "RefreshTokens" (
            "Id" varchar(450) PRIMARY KEY, "Token" varchar(500) NOT NULL,
            "UserId" varchar(450) NOT NULL REFERENCES "Users" ON DELETE CASCADE,
            "ExpiresAt" timestamptz NOT NULL, "CreatedByIp" varchar(45) NOT NULL, "RevokedAt" timestamptz,
            "RevokedByIp" varchar(45), "RevokedReason" varchar(100), "ReplacedByToken" varchar(500),
            "CreatedAt" timestamptz NOT NULL, "UpdatedAt" timestamptz
        );
        CREATE UNIQUE INDEX "IX_RefreshTokens_Token" ON "RefreshTokens" ("Token");
        CREATE INDEX "IX_RefreshTokens_ExpiresAt" ON "RefreshTokens" ("ExpiresAt");
        CREATE INDEX "IX_RefreshTokens_UserId_ExpiresAt" ON "RefreshTokens" ("UserId", "ExpiresAt");
        CREATE TABLE "VerificationTokens" (
            "Id" uuid PRIMARY KEY, "Token" varchar(500) NOT NULL, "Email" varchar(256) NOT NULL, "Type" int NOT NULL,
            "ExpiresAt" timestamptz NOT NULL, "CreatedAt" timestamptz NOT NULL,
            "IsUsed" boolean NOT NULL DEFAULT false, "UsedAt" timestamptz,
            "UserId" varchar(450) NOT NULL REFERENCES "Users" ON DELETE CASCADE
        );
        CREATE UNIQUE INDEX "IX_VerificationTokens_Token" ON "VerificationTokens" ("Token");
        CREATE INDEX "IX_VerificationTokens_ExpiresAt" ON "VerificationTokens" ("ExpiresAt");
    """,
    "userservice": """
        CREATE TABLE "Users" (
            "Id" uuid PRIMARY KEY, "Email" varchar(256) NOT NULL, "FirstName" varchar(100) NOT NULL,
            "LastName" varchar(100) NOT NULL, "PhoneNumber" varchar(20), "AccountType" text NOT NULL, "DealerId" uuid,
            "IsActive" boolean NOT NULL, "PreferredLocale" varchar(10) NOT NULL,
            "PreferredCurrency" varchar(3) NOT NULL, "CreatedAt" timestamptz NOT NULL
        );
    """,
    "vehiclessaleservice": """
        CREATE TABLE vehicles (
            "Id" uuid PRIMARY KEY, "DealerId" uuid NOT NULL, "SellerId" uuid NOT NULL, "CategoryId" uuid, "MakeId" uuid,
            "ModelId" uuid, "LinkedCampaignId" uuid, "ConcurrencyStamp" varchar(36) NOT NULL,
            "Title" varchar(300) NOT NULL, "Description" varchar(10000) NOT NULL, "Price" numeric(18,2) NOT NULL,
            "Currency" varchar(3) NOT NULL DEFAULT 'USD', "Status" varchar(20) NOT NULL, "IsDeleted" boolean NOT NULL,
            "IsFeatured" boolean NOT NULL, "IsPremium" boolean NOT NULL, "FeaturedUntil" timestamptz,
            "FeaturedPriority" int NOT NULL, "HomepageSections" int NOT NULL,
            "CreatedAt" timestamptz NOT NULL DEFAULT now(), "UpdatedAt" timestamptz NOT NULL DEFAULT now(),
            "PublishedAt" timestamptz, "SoldAt" timestamptz, "SubmittedForReviewAt" timestamptz,
            "ApprovedAt" timestamptz, "RejectedAt" timestamptz, "SuspendedAt" timestamptz,
            "Make" varchar(100) NOT NULL, "Model" varchar(100) NOT NULL, "Trim" varchar(100), "Year" int NOT NULL,
            "Mileage" int NOT NULL, "MileageUnit" varchar(20) NOT NULL, "Condition" varchar(30) NOT NULL,
            "VehicleType" varchar(30) NOT NULL, "BodyStyle" varchar(30) NOT NULL, "FuelType" varchar(30) NOT NULL,
            "Transmission" varchar(30) NOT NULL, "DriveType" varchar(20) NOT NULL, "VIN" varchar(17),
            "StockNumber" varchar(50), "Doors" int NOT NULL, "Seats" int NOT NULL,
            "FeaturesJson" jsonb NOT NULL DEFAULT '[]', "PackagesJson" jsonb NOT NULL DEFAULT '[]',
            "SellerName" varchar(200) NOT NULL, "SellerType" int NOT NULL, "SellerPhone" text, "SellerEmail" text,
            "SellerWhatsApp" text, "SellerVerified" boolean NOT NULL, "City" varchar(100), "State" varchar(100),
            "ZipCode" varchar(20), "Country" varchar(100) NOT NULL DEFAULT 'USA',
            "ViewCount" int NOT NULL, "FavoriteCount" int NOT NULL, "InquiryCount" int NOT NULL
        );
        CREATE INDEX "IX_vehicles_Status_IsDeleted" ON vehicles ("Status", "IsDeleted");
        CREATE INDEX "IX_vehicles_SellerId" ON vehicles ("SellerId");
        CREATE INDEX "IX_vehicles_Make_Model_Year" ON vehicles ("Make", "Model", "Year");
        CREATE UNIQUE INDEX "IX_vehicles_VIN" ON vehicles ("VIN");
    """,
    "vehicleintelligenceservice": """
        CREATE TABLE price_analyses (
            "Id" uuid PRIMARY KEY, "VehicleId" uuid NOT NULL, "CurrentPrice" numeric(18,2) NOT NULL,
            "SuggestedPrice" numeric(18,2) NOT NULL, "SuggestedPriceMin" numeric(18,2) NOT NULL,
            "SuggestedPriceMax" numeric(18,2) NOT NULL, "MarketAvgPrice" numeric(18,2) NOT NULL,
            "PriceVsMarket" numeric(5,2) NOT NULL, "PricePosition" text NOT NULL, "IsOvervalued" boolean NOT NULL,
            "OvervaluationPercentage" numeric NOT NULL, "PredictedDaysToSaleAtCurrentPrice" int NOT NULL,
            "PredictedDaysToSaleAtSuggestedPrice" int NOT NULL, "AnalysisDate" timestamptz NOT NULL,
            "CreatedAt" timestamptz NOT NULL, "UpdatedAt" timestamptz NOT NULL,
            "ConfidenceScore" numeric(5,2) NOT NULL, "InfluencingFactors" text NOT NULL
        );
        CREATE INDEX "IX_price_analyses_VehicleId" ON price_analyses ("VehicleId");
        CREATE INDEX "IX_price_analyses_AnalysisDate" ON price_analyses ("AnalysisDate");
    """,
    "appointmentservice": """
        CREATE TABLE "Appointments" (
            "Id" uuid PRIMARY KEY, "DealerId" uuid NOT NULL, "CustomerId" uuid NOT NULL,
            "CustomerName" varchar(200) NOT NULL, "CustomerEmail" varchar(200) NOT NULL, "CustomerPhone" varchar(50),
            "Type" int NOT NULL, "Status" int NOT NULL, "ScheduledDate" timestamptz NOT NULL, "StartTime" time NOT NULL,
            "EndTime" time NOT NULL, "DurationMinutes" int NOT NULL, "VehicleId" uuid,
            "VehicleDescription" varchar(500), "AssignedToUserId" uuid, "AssignedToUserName" text,
            "Notes" varchar(2000), "Location" varchar(500), "ReminderSentAt" timestamptz, "ConfirmedAt" timestamptz,
            "CompletedAt" timestamptz, "CancelledAt" timestamptz, "CancellationReason" varchar(500),
            "CreatedAt" timestamptz NOT NULL, "UpdatedAt" timestamptz, "CreatedBy" uuid NOT NULL
        );
        CREATE INDEX "IX_Appointments_ScheduledDate" ON "Appointments" ("ScheduledDate");
        CREATE INDEX "IX_Appointments_Status" ON "Appointments" ("Status");
    """,
    "errorservice": """
        CREATE TABLE error_logs (
            id uuid PRIMARY KEY, service_name varchar(100) NOT NULL, exception_type varchar(200) NOT NULL,
            message text NOT NULL, stack_trace text, occurred_at timestamptz NOT NULL, endpoint varchar(500),
            http_method varchar(10), status_code int, user_id varchar(100), metadata jsonb NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX "IX_error_logs_occurred_at" ON error_logs (occurred_at);
        CREATE INDEX "IX_error_logs_service_name_occurred_at" ON error_logs (service_name, occurred_at);
    """,
    "auditservice": """
        CREATE SCHEMA audit;
        CREATE TABLE audit.audit_logs (
            "Id" text PRIMARY KEY, "UserId" varchar(255) NOT NULL, "Action" varchar(100) NOT NULL,
            "Resource" varchar(255) NOT NULL, "UserIp" varchar(45) NOT NULL, "UserAgent" varchar(500) NOT NULL,
            "AdditionalDataJson" jsonb NOT NULL, "Success" boolean NOT NULL, "ErrorMessage" text, "DurationMs" bigint,
            "CorrelationId" varchar(100), "ServiceName" varchar(100) NOT NULL, "Severity" int NOT NULL,
            "CreatedAt" timestamptz NOT NULL, "UpdatedAt" timestamptz
        );
        CREATE INDEX "IX_audit_logs_CreatedAt" ON audit.audit_logs ("CreatedAt");
        CREATE TABLE audit.audit_events (
            "Id" text PRIMARY KEY, "EventId" uuid NOT NULL, "EventType" varchar(200) NOT NULL,
            "Source" varchar(100) NOT NULL, "Payload" jsonb NOT NULL, "EventTimestamp" timestamptz NOT NULL,
            "ConsumedAt" timestamptz NOT NULL, "CorrelationId" varchar(100), "UserId" uuid, "Metadata" jsonb,
            "CreatedAt" timestamptz NOT NULL, "UpdatedAt" timestamptz
        );
        CREATE INDEX "IX_AuditEvents_EventId" ON audit.audit_events ("EventId");
        CREATE INDEX "IX_AuditEvents_ConsumedAt" ON audit.audit_events ("ConsumedAt");
    """,
}
