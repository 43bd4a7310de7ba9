module "ingestion" {
  source = "../ingestion"

  name                    = var.name
  secret_prefix           = local.secret_prefix
  metrics_namespace       = var.name
  log_retention_days      = var.log_retention_days
  manage_account_log_role = var.manage_account_log_role
  max_message_bytes       = var.max_message_bytes
  authorizer_snap_start   = var.authorizer_snap_start

  receipts = one([
    for index in module.store.receipt_index[*] : {
      table_name = module.store.table_name
      table_arn  = module.store.table_arn
      index_name = index.name
      index_arn  = index.arn
    }
  ])

  sources = {
    for key, source in var.sources : key => merge(source, {
      scheme_json      = module.scheme[key].json
      signature_header = module.scheme[key].signature_header
      verified_at_edge = module.scheme[key].verified_at_edge
      scheme_handshake = module.scheme[key].handshake

      retention_days    = module.retry[key].retention_days
      max_receive_count = module.retry[key].max_receive_count
    })
  }

  # Of what the authorizer can verify without a body, and of what must be answered at once; other secrets are for their lane alone.
  edge_secret_arns = {
    for key, scheme in module.scheme : key => aws_secretsmanager_secret.this[key].arn if scheme.verified_at_edge || var.sources[key].handshake
  }
}
