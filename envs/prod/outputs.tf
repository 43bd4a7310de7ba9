output "endpoint" {
  description = "Base URL, without a slash at its end. Senders POST to <endpoint>/webhooks/<source>."
  value       = module.webhook.endpoint
}

output "region" {
  description = "The AWS region that everything is in."
  value       = module.webhook.region
}

output "name" {
  description = "Name of the environment."
  value       = module.webhook.name
}

output "table_name" {
  description = "Name of the table of events."
  value       = module.webhook.table_name
}

output "sources" {
  description = "Each source's URL, scheme, secrets to set, queues, function and effect."
  value       = module.webhook.sources
}

output "receipts_url" {
  description = "Where receipts are asked for: GET <receipts_url>/<id>. Null without receipts."
  value       = module.webhook.receipts_url
}
