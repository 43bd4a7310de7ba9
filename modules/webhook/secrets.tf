# Names without values: a secret's value is set by hand or by the sender's owner, and never comes into a state.
locals {
  secret_prefix = "${var.name}/"
}

resource "aws_secretsmanager_secret" "this" {
  for_each = { for key, scheme in module.scheme : key => scheme if scheme.kind != "unsigned" }

  name                    = "${local.secret_prefix}${each.key}"
  description             = "What ${each.key} signs its webhooks with. A JSON list holds several live keys"
  recovery_window_in_days = var.secret_recovery_days
}
