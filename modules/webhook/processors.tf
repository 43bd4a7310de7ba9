module "processor" {
  source   = "../processor"
  for_each = var.sources

  name                 = "${var.name}-${each.key}"
  source_name          = each.key
  scheme_json          = module.scheme[each.key].json
  needs_cryptography   = module.scheme[each.key].needs_cryptography
  tolerance_seconds    = each.value.tolerance_seconds
  secret               = module.scheme[each.key].kind == "unsigned" ? null : aws_secretsmanager_secret.this[each.key]
  queue                = module.ingestion.queues[each.key]
  queue_retention_days = module.retry[each.key].retention_days
  fifo                 = each.value.fifo
  table                = { name = module.store.table_name, arn = module.store.table_arn }
  event_retention_days = each.value.event_retention_days
  deduplicate_by       = each.value.deduplicate_by
  receipts             = var.receipts
  handler              = each.value.handler
  handler_environment  = each.value.handler_environment
  handler_permissions  = each.value.handler_permissions
  postgres             = each.value.postgres
  postgres_secret      = each.value.postgres == null ? null : aws_secretsmanager_secret.postgres[each.key]
  http                 = each.value.http
  delivery_secret      = each.value.http == null ? null : aws_secretsmanager_secret.delivery[each.key]
  retry_schedule       = module.retry[each.key].schedule
  vpc                  = each.value.vpc
  max_concurrency      = each.value.max_concurrency
  batch_size           = each.value.batch_size != null ? each.value.batch_size : local.has_effect[each.key] && !each.value.fifo ? 1 : 10
  batch_window_seconds = each.value.batch_window_seconds
  timeout_seconds      = each.value.timeout_seconds
  memory_mb            = each.value.memory_mb
  snap_start           = each.value.snap_start
  paused               = each.value.paused
  metrics_namespace    = var.name
  log_retention_days   = var.log_retention_days
}
