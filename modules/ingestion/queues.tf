data "aws_partition" "current" {}

locals {
  # arn:<partition>:logs:<region>:<account>:log-group:<name>. Where things go, from the first thing that is there: no data source
  # asks AWS at plan time, and a queue's policy can name it before it exists.
  arn     = split(":", aws_cloudwatch_log_group.access.arn)
  region  = local.arn[3]
  account = local.arn[4]

  # SQS takes the end of the name for the kind of queue.
  queue_names = {
    for key, source in var.sources : key => {
      lane        = "${var.name}-${key}${source.fifo ? ".fifo" : ""}"
      dead_letter = "${var.name}-${key}-dead-letter${source.fifo ? ".fifo" : ""}"
    }
  }
}

# The TLS policy is in the queue itself: the provider waits some 25 s for every SQS resource, one after another.

resource "aws_sqs_queue" "this" {
  for_each = var.sources

  name                       = local.queue_names[each.key].lane
  max_message_size           = var.max_message_bytes
  message_retention_seconds  = each.value.retention_days * 24 * 60 * 60
  visibility_timeout_seconds = 6 * each.value.timeout_seconds + each.value.batch_window_seconds
  sqs_managed_sse_enabled    = true
  policy                     = local.tls_only[local.queue_names[each.key].lane]

  # High throughput: one group waits for no other (Amazon SQS Developer Guide, "Enabling high throughput for FIFO queues").
  fifo_queue            = each.value.fifo
  deduplication_scope   = each.value.fifo ? "messageGroup" : null
  fifo_throughput_limit = each.value.fifo ? "perMessageGroupId" : null

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter[each.key].arn
    maxReceiveCount     = each.value.max_receive_count
  })
}

resource "aws_sqs_queue" "dead_letter" {
  for_each = var.sources

  name                      = local.queue_names[each.key].dead_letter
  max_message_size          = var.max_message_bytes
  message_retention_seconds = each.value.dead_letter_retention_days * 24 * 60 * 60
  sqs_managed_sse_enabled   = true
  policy                    = local.tls_only[local.queue_names[each.key].dead_letter]

  # SQS takes no other kind behind a FIFO queue.
  fifo_queue            = each.value.fifo
  deduplication_scope   = each.value.fifo ? "messageGroup" : null
  fifo_throughput_limit = each.value.fifo ? "perMessageGroupId" : null
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letter" {
  for_each = var.sources

  queue_url = aws_sqs_queue.dead_letter[each.key].url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this[each.key].arn]
  })
}

locals {
  tls_only = {
    for name in flatten([for names in values(local.queue_names) : values(names)]) : name => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = "arn:${data.aws_partition.current.partition}:sqs:${local.region}:${local.account}:${name}"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }]
    })
  }
}
