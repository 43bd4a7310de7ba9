locals {
  receipt_index_name = "by_receipt"
}

# Encrypted with DynamoDB's own key, which is what a table without `server_side_encryption` has (Amazon DynamoDB Developer
# Guide, "DynamoDB encryption at rest"): no bill by the call, and no key to lose.
resource "aws_dynamodb_table" "this" {
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  attribute {
    name = "lane"
    type = "S"
  }

  attribute {
    name = "received_at_ms"
    type = "N"
  }

  dynamic "attribute" {
    for_each = var.receipts ? ["request_id"] : []

    content {
      name = attribute.value
      type = "S"
    }
  }

  # By source, outcome and time, newest first. `lane` ends in a shard number, so that one hot source does not heat one partition.
  # Bodies stay out of it: an index is charged for what it carries. Provider 6 would rather have `key_schema` than the two keys,
  # which provider 5 does not know; both take these.
  global_secondary_index {
    name               = "by_time"
    hash_key           = "lane"
    range_key          = "received_at_ms"
    projection_type    = "INCLUDE"
    non_key_attributes = ["attempts", "body_bytes", "effect", "event_id", "event_type", "last_error", "next_attempt_at_ms", "outcome", "reason", "source"]

    on_demand_throughput {
      max_read_request_units  = var.max_read_units_per_second
      max_write_request_units = var.max_write_units_per_second
    }
  }

  # What became of the webhook that was answered with this id.
  dynamic "global_secondary_index" {
    for_each = var.receipts ? [local.receipt_index_name] : []

    content {
      name               = global_secondary_index.value
      hash_key           = "request_id"
      projection_type    = "INCLUDE"
      non_key_attributes = ["attempts", "effect", "effect_at_ms", "effect_result", "event_id", "last_error", "next_attempt_at_ms", "outcome", "reason", "received_at_ms", "source", "stored_at_ms"]

      on_demand_throughput {
        max_read_request_units  = var.max_read_units_per_second
        max_write_request_units = var.max_write_units_per_second
      }
    }
  }

  on_demand_throughput {
    max_read_request_units  = var.max_read_units_per_second
    max_write_request_units = var.max_write_units_per_second
  }

  ttl {
    enabled        = true
    attribute_name = "expires_at"
  }

  point_in_time_recovery {
    enabled = true
  }
}
