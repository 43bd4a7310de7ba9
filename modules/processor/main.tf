locals {
  # As lambdas/processor/batch.py has it.
  reserved_seconds = var.deduplicate_by == "both" ? 16 : 8
}

module "function" {
  source = "../function"

  name               = var.name
  package            = "processor"
  needs_cryptography = var.needs_cryptography
  description        = "Verifies and stores the webhooks of ${var.source_name}"
  timeout_seconds    = var.timeout_seconds
  memory_mb          = var.memory_mb
  log_retention_days = var.log_retention_days

  environment = {
    SOURCE               = var.source_name
    SCHEME               = var.scheme_json
    TOLERANCE_SECONDS    = var.tolerance_seconds
    SECRET_NAME          = var.secret == null ? "" : var.secret.name
    TABLE_NAME           = var.table.name
    EVENT_RETENTION_DAYS = var.event_retention_days
    METRICS_NAMESPACE    = var.metrics_namespace
    DEDUPLICATE_BY       = var.deduplicate_by
  }

  statements = concat(
    [
      {
        actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        resources = [var.queue_arn]
      },
      {
        actions   = ["dynamodb:PutItem"]
        resources = [var.table.arn]
      },
    ],
    [
      for secret in var.secret[*] : {
        actions   = ["secretsmanager:GetSecretValue"]
        resources = [secret.arn]
      }
    ],
  )
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn                   = var.queue_arn
  function_name                      = module.function.arn
  enabled                            = !var.paused
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.batch_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]

  # The throttle. Reserved concurrency would refuse batches after reading them, and count each refusal as a receive.
  scaling_config {
    maximum_concurrency = var.max_concurrency
  }
}
