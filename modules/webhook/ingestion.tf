module "ingestion" {
  source = "../ingestion"

  name                    = var.name
  secret_prefix           = local.secret_prefix
  metrics_namespace       = var.name
  log_retention_days      = var.log_retention_days
  manage_account_log_role = var.manage_account_log_role

  sources = {
    for key, source in var.sources : key => merge(source, {
      scheme_json      = module.scheme[key].json
      signature_header = module.scheme[key].signature_header
    })
  }

  # A token needs no body, so the authorizer compares it; other secrets are for their lane alone.
  token_secret_arns = { for key, scheme in module.scheme : key => aws_secretsmanager_secret.this[key].arn if scheme.kind == "token" }
}
