# Where things are tried: all of it can be destroyed and made again.
module "webhook" {
  source = "../../modules/webhook"

  name                 = "webhook-dev"
  deletion_protection  = false
  secret_recovery_days = 0
  log_retention_days   = 7
  receipts             = true

  sources = {
    github = {
      scheme          = "github"
      max_concurrency = 3
      batch_size      = 10
      timeout_seconds = 10
    }

    slack = {
      scheme          = "slack"
      max_concurrency = 2
      batch_size      = 10
      timeout_seconds = 10
    }

    stripe = {
      scheme          = "stripe"
      max_concurrency = 2
      batch_size      = 10
      timeout_seconds = 10
    }

    shopify = {
      scheme          = "shopify"
      max_concurrency = 2
      batch_size      = 10
      timeout_seconds = 10
    }

    billing = {
      scheme          = "standard-webhooks"
      success_status  = 202
      max_concurrency = 2
      batch_size      = 10
      timeout_seconds = 10
    }

    partner = {
      scheme          = "token"
      max_concurrency = 2
      batch_size      = 10
      timeout_seconds = 10
    }

    # A sender of our own: it signs so that the edge can refuse a forgery.
    orders = {
      scheme          = "rfc9421"
      max_concurrency = 2
      batch_size      = 10
      timeout_seconds = 10
    }

    sms = {
      scheme          = "twilio"
      max_concurrency = 2
      batch_size      = 10
      timeout_seconds = 10
    }

    # The token is no secret: it confirms a URL, and opens nothing.
    whatsapp = {
      scheme          = "meta"
      verify_token    = "a-verify-token-for-development"
      max_concurrency = 2
      batch_size      = 10
      timeout_seconds = 10
    }

    # Zoom asks for an answer computed from its secret, every 72 hours, and signs each attempt anew.
    meetings = {
      scheme          = "zoom"
      handshake       = true
      deduplicate_by  = "body"
      max_concurrency = 2
      batch_size      = 10
      timeout_seconds = 10
    }

    # A sender without a preset: how it signs, as data.
    acme = {
      custom_scheme = {
        kind      = "hmac"
        digest    = "sha512"
        signature = { header = "X-Acme-Signature", encoding = "base64" }
        timestamp = { header = "X-Acme-Timestamp" }
        signed    = "{timestamp}.{body}"
        id        = { pointer = "/event/id" }
      }
      max_concurrency = 2
      batch_size      = 10
      timeout_seconds = 10
    }

    # A row of PostgreSQL for each event. Retries are soon over, so that they can be watched.
    ledger = {
      scheme = "standard-webhooks"
      postgres = {
        table   = "ledger"
        columns = { event_id = "{id}", type = "{type}", amount = "/data/amount", received_at = "{received_at}" }
        key     = ["event_id"]
      }
      retry           = { delays_seconds = [5, 10, 30, 60, 300] }
      max_concurrency = 3
      batch_size      = 1
      timeout_seconds = 30
    }

    # Handed on to a partner, which in development may be a machine nearby.
    relay = {
      scheme = "standard-webhooks"
      http = {
        url                     = "https://partner.example/webhooks"
        allow_private_addresses = true
      }
      retry           = { delays_seconds = [5, 10, 30, 60, 300] }
      max_concurrency = 3
      batch_size      = 1
      timeout_seconds = 30
    }

    # What happens to one ticket is processed in its order.
    tickets = {
      scheme          = "standard-webhooks"
      fifo            = true
      order_by        = { pointer = "/data/ticket_id" }
      max_concurrency = 2
      batch_size      = 10
      timeout_seconds = 10
    }
  }
}
