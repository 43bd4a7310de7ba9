locals {
  defaults = {
    attempts            = 10
    first_delay_seconds = 30
    max_delay_seconds   = 43200
  }

  # Doubling from the first delay up to the longest. With jitter, so that events which failed together do not come back together.
  exponential = merge(local.defaults, { for name, value in var.retry : name => value if value != null })

  delays_seconds = var.retry.delays_seconds != null ? var.retry.delays_seconds : [
    for doubled in range(max(0, min(local.exponential.attempts, 100) - 1)) :
    min(local.exponential.first_delay_seconds * pow(2, doubled), local.exponential.max_delay_seconds)
  ]

  attempts = var.retry.delays_seconds != null ? length(var.retry.delays_seconds) + 1 : local.exponential.attempts

  # As modules/ingestion/queues.tf has it: an attempt that is cut off comes back after this.
  visibility_seconds = 6 * var.timeout_seconds + var.batch_window_seconds

  day_seconds = 24 * 60 * 60

  # The whole schedule, were every attempt cut off; and a day for what waits before its first.
  needed_seconds = sum(concat([0], local.delays_seconds)) + local.attempts * local.visibility_seconds
  needed_days    = ceil(local.needed_seconds / local.day_seconds) + 1

  retention_days = var.retention_days != null ? var.retention_days : var.has_effect ? max(4, local.needed_days) : 4

  # The processor counts attempts; SQS counts receives, also those at which a lane with an open circuit hides a message again: every
  # 15 minutes, or twice as often where a probe takes long. This is for messages at which the processor dies before it can count.
  max_receive_count = (
    var.max_receive_count != null ? var.max_receive_count :
    var.has_effect ? min(1000, local.attempts + ceil(local.retention_days * local.day_seconds / 450)) : 5
  )
}
