# One per account and region, whatever stack sets it; hence only on request.
resource "aws_api_gateway_account" "this" {
  count = var.manage_account_log_role ? 1 : 0

  cloudwatch_role_arn = aws_iam_role.log[0].arn

  depends_on = [aws_iam_role_policy_attachment.log]
}

resource "aws_iam_role" "log" {
  count = var.manage_account_log_role ? 1 : 0

  name        = "${var.name}-gateway-log"
  description = "Role with which API Gateway writes logs, for every API of this account and region"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "apigateway.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "log" {
  count = var.manage_account_log_role ? 1 : 0

  role       = aws_iam_role.log[0].name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}
