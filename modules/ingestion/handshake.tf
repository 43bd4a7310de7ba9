# A sender that POSTs a challenge to the webhook URL itself, and wants an answer that takes its secret or its body: a mapping
# template has neither. This source's POST therefore goes to a function, which answers the challenge and puts everything else into the
# same queue, in the same envelope (docs/decisions/0006).
locals {
  handshakes = { for key, source in var.sources : key => source if source.handshake }
}

module "handshake" {
  source   = "../function"
  for_each = local.handshakes

  name               = "${var.name}-${each.key}-handshake"
  package            = "handshake"
  description        = "Answers the challenges of ${each.key}, and puts its webhooks into the queue"
  timeout_seconds    = 10
  memory_mb          = 256
  snap_start         = each.value.snap_start
  log_retention_days = var.log_retention_days

  environment = {
    SOURCE            = each.key
    SCHEME            = each.value.scheme_json
    TOLERANCE_SECONDS = each.value.tolerance_seconds
    SECRET_NAME       = "${var.secret_prefix}${each.key}"
    QUEUE_URL         = aws_sqs_queue.this[each.key].url
    SUCCESS_STATUS    = each.value.success_status
    METRICS_NAMESPACE = var.metrics_namespace
  }

  statements = [
    {
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.this[each.key].arn]
    },
    {
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [var.edge_secret_arns[each.key]]
    },
  ]
}

# One for each, so that it is there before the deployment that needs it, and goes after.
resource "aws_iam_role_policy" "invoke" {
  for_each = local.handshakes

  name = "invoke-${each.key}"
  role = aws_iam_role.gateway.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = [module.handshake[each.key].arn]
    }]
  })
}
