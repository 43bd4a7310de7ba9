output "endpoint" {
  description = "Base URL, without a slash at its end. Senders POST to <endpoint>/webhooks/<source>."
  value       = module.ingestion.endpoint
}

output "region" {
  description = "The AWS region that everything is in."
  value       = split(":", module.store.table_arn)[3]
}

output "name" {
  description = "Name of the environment, and namespace of its metrics."
  value       = var.name
}

output "table_name" {
  description = "Name of the table of events."
  value       = module.store.table_name
}

output "sources" {
  description = "Each source's URL (and the one it signs, if another was given), scheme (one of the two is null), secrets to set (null where there is none), queues, function, effect and how many attempts each event gets (null for a lane that only stores)."
  value = {
    for key, source in var.sources : key => {
      url                   = "${module.ingestion.endpoint}/webhooks/${key}"
      signed_url            = source.signed_url
      scheme                = source.scheme
      custom_scheme_json    = source.custom_scheme == null ? null : module.scheme[key].json
      secret_name           = module.scheme[key].kind == "unsigned" ? null : aws_secretsmanager_secret.this[key].name
      queue_url             = module.ingestion.queues[key].url
      dead_letter_queue_url = module.ingestion.queues[key].dead_letter_url
      max_concurrency       = source.max_concurrency
      function_name         = module.processor[key].function_name
      success_status        = source.success_status
      effect                = module.processor[key].effect
      attempts              = module.retry[key].attempts
      postgres_secret_name  = source.postgres == null ? null : aws_secretsmanager_secret.postgres[key].name
      delivery_secret_name  = source.http == null ? null : aws_secretsmanager_secret.delivery[key].name
    }
  }
}

output "receipts_url" {
  description = "Where receipts are asked for: GET <receipts_url>/<id>, signed with the account's credentials. Null without receipts."
  value       = module.ingestion.receipts_url
}
