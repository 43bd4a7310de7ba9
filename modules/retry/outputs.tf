output "schedule" {
  description = "The delays in seconds before the second attempt, the third, and so on, and whether each is drawn from its upper half. Null for a lane that only stores."
  value       = var.has_effect ? { delays_seconds = local.delays_seconds, jitter = var.retry.delays_seconds == null } : null
}

output "attempts" {
  description = "The most attempts at one event. Null for a lane that only stores."
  value       = var.has_effect ? local.attempts : null
}

output "retention_days" {
  description = "How long the lane's queue keeps a message: long enough for every attempt."
  value       = local.retention_days
}

output "max_receive_count" {
  description = "After how many receives SQS dead-letters a message by itself."
  value       = local.max_receive_count
}
