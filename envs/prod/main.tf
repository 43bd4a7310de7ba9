# Protected: the table cannot be deleted, and a deleted secret can be brought back for a month.
module "webhook" {
  source = "../../modules/webhook"

  name                 = "webhook-prod"
  deletion_protection  = true
  secret_recovery_days = 30
  log_retention_days   = 90

  sources = {
    # Its id is not signed, so a body that comes again under another id counts as the same event.
    github = {
      scheme               = "github"
      deduplicate_by       = "both"
      rate_per_second      = 500
      burst                = 1000
      max_concurrency      = 10
      batch_size           = 50
      batch_window_seconds = 1
      retention_days       = 7
      event_retention_days = 365
    }

    stripe = {
      scheme               = "stripe"
      max_concurrency      = 5
      batch_size           = 10
      retention_days       = 7
      event_retention_days = 365
    }

    # Sends from known addresses: all others are refused before anything runs.
    partner = {
      scheme               = "token"
      allowed_cidrs        = ["203.0.113.0/24"]
      max_concurrency      = 2
      batch_size           = 10
      retention_days       = 7
      event_retention_days = 365
    }
  }
}
