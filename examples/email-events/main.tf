# An email provider's events, each counted once in the shop's PostgreSQL, over at most four connections.
module "webhook" {
  source = "../../modules/webhook"

  name                 = "email-events"
  deletion_protection  = false
  secret_recovery_days = 0
  log_retention_days   = 7

  sources = {
    email = {
      scheme          = "standard-webhooks"
      handler         = "email_events.views:handle"
      postgres        = {} # gives the handler a transaction
      max_concurrency = 4
      batch_size      = 5
      timeout_seconds = 30
      retry           = { first_delay_seconds = 5, max_delay_seconds = 900 } # ten attempts, as by default
    }
  }
}
