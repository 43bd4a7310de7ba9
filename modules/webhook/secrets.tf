# Names without values: a secret's value is set by hand or by the owner of the sender, the database or the partner, and never comes into a state.
locals {
  secret_prefix = "${var.name}/"
}

resource "aws_secretsmanager_secret" "this" {
  for_each = { for key, scheme in module.scheme : key => scheme if scheme.kind != "unsigned" }

  name                    = "${local.secret_prefix}${each.key}"
  description             = "What ${each.key} signs its webhooks with. A JSON list holds several live keys"
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret" "postgres" {
  for_each = { for key, source in var.sources : key => source if source.postgres != null }

  name                    = "${local.secret_prefix}${each.key}/postgres"
  description             = "How ${each.key} connects to PostgreSQL, as a JSON document: host, port, dbname, username, password"
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret" "delivery" {
  for_each = { for key, source in var.sources : key => source if source.http != null }

  name                    = "${local.secret_prefix}${each.key}/delivery"
  description             = "What the deliveries of ${each.key} are signed with, whsec_ and base64. Two versions are live while it is rotated"
  recovery_window_in_days = var.secret_recovery_days
}
