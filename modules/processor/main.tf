locals {
  has_effect      = var.handler != null || var.postgres != null || var.http != null
  handler_package = one([for handler in var.handler[*] : split(".", handler)[0]])

  # As processor.effects.load_effect reads it. A table makes PostgreSQL the effect; without one it is there for the handler.
  effect_json = (
    var.handler != null ? jsonencode(merge(
      { kind = "handler", handler = var.handler },
      { for name in local.postgres_secret_names : "postgres_secret_name" => name },
    )) :
    var.postgres != null ? jsonencode(merge(
      { kind = "postgres" },
      { for name in local.postgres_secret_names : "secret_name" => name },
      var.postgres,
    )) :
    var.http != null ? jsonencode(merge(
      { kind = "http" },
      { for secret in var.delivery_secret[*] : "secret_name" => secret.name },
      var.http,
    )) : "null"
  )

  postgres_secret_names = var.postgres_secret[*].name

  # As lambdas/processor/store.py writes them. One table for all lanes, and for each the items of its own source.
  circuit_key = "circuit#${var.source_name}"
  own_keys    = concat([local.circuit_key], [for kind in ["body", "event", "key", "quarantine"] : "${kind}#${var.source_name}#*"])

  # As lambdas/processor/batch_insert.py decides.
  inserts = !local.has_effect && var.deduplicate_by != "both" && !var.fifo

  # As lambdas/processor/batch.py and attempt.py have it: 4 s for each write that may have to fail in time.
  write_seconds    = 4
  reserved_seconds = (var.deduplicate_by == "both" ? 4 : 2) * local.write_seconds

  # The longest that the effect itself runs: lambdas/processor/effects gives a statement 10 s. A handler knows what is left.
  effect_seconds = var.http != null ? var.http.timeout_seconds : var.postgres != null ? 10 : 0
  needed_seconds = local.has_effect ? local.effect_seconds + local.reserved_seconds + local.write_seconds : 0

  # What the processor reads (lambdas/processor/settings.py); a handler's own come beside them.
  environment = {
    SOURCE                  = var.source_name
    SCHEME                  = var.scheme_json
    TOLERANCE_SECONDS       = var.tolerance_seconds
    SECRET_NAME             = var.secret == null ? "" : var.secret.name
    TABLE_NAME              = var.table.name
    EVENT_RETENTION_DAYS    = var.event_retention_days
    METRICS_NAMESPACE       = var.metrics_namespace
    DEDUPLICATE_BY          = var.deduplicate_by
    EFFECT                  = local.effect_json
    RETRY                   = jsonencode(var.retry_schedule)
    QUEUE_URL               = var.queue.url
    DEAD_LETTER_QUEUE_URL   = var.queue.dead_letter_url
    QUEUE_RETENTION_SECONDS = var.queue_retention_days * 24 * 60 * 60
    RECEIPTS                = var.receipts
  }
}

module "function" {
  source = "../function"

  name               = var.name
  package            = "processor"
  handler_package    = local.handler_package
  needs_cryptography = var.needs_cryptography
  description        = "Verifies and ${local.has_effect ? "acts on" : "stores"} the webhooks of ${var.source_name}"
  timeout_seconds    = var.timeout_seconds
  memory_mb          = var.memory_mb
  snap_start         = var.snap_start
  vpc                = var.vpc
  log_retention_days = var.log_retention_days

  environment = merge(var.handler_environment, local.environment)

  statements = concat(
    [
      {
        actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        resources = [var.queue.arn]
      },
      {
        actions      = ["dynamodb:PutItem"]
        resources    = [var.table.arn]
        leading_keys = local.own_keys
      },
    ],
    # There is no action BatchExecuteStatement: each statement needs that of its verb (Service Authorization Reference,
    # "Actions, resources, and condition keys for Amazon DynamoDB"; Amazon DynamoDB Developer Guide, "IAM security policies
    # with PartiQL for DynamoDB"). Neither shows the leading keys of a statement in use: where AWS sends none, the condition
    # holds for every key, since it is one ForAllValues. What is there under a key that is taken is read.
    [
      for statement in [
        {
          actions      = ["dynamodb:BatchGetItem", "dynamodb:PartiQLInsert"]
          resources    = [var.table.arn]
          leading_keys = ["event#${var.source_name}#*"]
        },
      ] : statement if local.inserts
    ],
    # What the marker of a body names is read where that is another event.
    [
      for statement in [
        {
          actions      = ["dynamodb:GetItem"]
          resources    = [var.table.arn]
          leading_keys = ["event#${var.source_name}#*"]
        },
      ] : statement if var.deduplicate_by == "both"
    ],
    [
      for secret in concat(var.secret[*], var.postgres_secret[*], var.delivery_secret[*]) : {
        actions   = ["secretsmanager:GetSecretValue"]
        resources = [secret.arn]
      }
    ],
    [
      for statement in [
        {
          actions      = ["dynamodb:GetItem"]
          resources    = [var.table.arn]
          leading_keys = [local.circuit_key]
        },
        {
          actions      = ["dynamodb:UpdateItem"]
          resources    = [var.table.arn]
          leading_keys = ["event#${var.source_name}#*"]
        },
        {
          actions   = ["sqs:ChangeMessageVisibility"]
          resources = [var.queue.arn]
        },
        {
          actions   = ["sqs:SendMessage"]
          resources = [var.queue.dead_letter_arn]
        },
      ] : statement if local.has_effect
    ],
    var.handler_permissions,
  )
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn        = var.queue.arn
  function_name           = module.function.arn
  enabled                 = !var.paused
  batch_size              = var.batch_size
  function_response_types = ["ReportBatchItemFailures"]

  # A FIFO queue has none.
  maximum_batching_window_in_seconds = var.fifo ? null : var.batch_window_seconds

  # The throttle. Reserved concurrency would refuse batches after reading them, and count each refusal as a receive.
  scaling_config {
    maximum_concurrency = var.max_concurrency
  }
}
