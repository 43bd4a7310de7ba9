locals {
  has_effect = { for key, source in var.sources : key => source.handler != null || source.postgres != null || source.http != null }
}

module "retry" {
  source   = "../retry"
  for_each = var.sources

  source_name          = each.key
  has_effect           = local.has_effect[each.key]
  retry                = each.value.retry
  timeout_seconds      = each.value.timeout_seconds
  batch_window_seconds = each.value.batch_window_seconds
  retention_days       = each.value.retention_days
  max_receive_count    = each.value.max_receive_count
}
