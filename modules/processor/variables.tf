variable "name" {
  description = "Name of the lane's function."
  type        = string
}

variable "source_name" {
  description = "The source whose lane this is."
  type        = string
}

variable "scheme_json" {
  description = "How the source signs, as JSON text: a preset's name or a custom scheme's object."
  type        = string
}

variable "needs_cryptography" {
  description = "Whether the scheme verifies with a public key, for which the zip must hold the package cryptography."
  type        = bool
  default     = false
  nullable    = false
}

variable "tolerance_seconds" {
  description = "How far a signed timestamp may be from the time of receipt, in seconds."
  type        = number
}

variable "secret" {
  description = "Name and ARN of the source's secret. Null for a source that does not sign."
  type = object({
    name = string
    arn  = string
  })
  default = null
}

variable "queue_arn" {
  description = "ARN of the lane's queue."
  type        = string
}

variable "table" {
  description = "Name and ARN of the table that keeps the events."
  type = object({
    name = string
    arn  = string
  })
}

variable "event_retention_days" {
  description = "Days that an event is kept in the table."
  type        = number

  validation {
    condition     = var.event_retention_days >= 1 && floor(var.event_retention_days) == var.event_retention_days
    error_message = "event_retention_days of ${var.source_name} is ${var.event_retention_days}: set a whole number of days, at least 1. An event must outlive its sender's retries, or a retry is a second event."
  }
}

variable "deduplicate_by" {
  description = "What makes two webhooks the same event: \"id\" (the sender's), \"body\" (its exact bytes), or \"both\", either of them."
  type        = string
  default     = "id"
  nullable    = false

  validation {
    condition     = contains(["id", "body", "both"], var.deduplicate_by)
    error_message = "deduplicate_by of ${var.source_name} is \"${var.deduplicate_by}\": set it to \"id\", or for a sender that gives a retry another id to \"body\" or \"both\"."
  }
}

variable "max_concurrency" {
  description = "The most processors of this lane at once, 2 to 1,000: what the backend sees at the worst."
  type        = number

  validation {
    condition     = var.max_concurrency >= 2 && var.max_concurrency <= 1000 && floor(var.max_concurrency) == var.max_concurrency
    error_message = "max_concurrency of ${var.source_name} is ${var.max_concurrency}: set a whole number from 2 to 1000. AWS has no event source mapping below 2; to stop a lane, set paused = true."
  }
}

variable "batch_size" {
  description = "The most records that one call gets, 1 to 10,000. Above 10 it needs a window."
  type        = number

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10000 && floor(var.batch_size) == var.batch_size
    error_message = "batch_size of ${var.source_name} is ${var.batch_size}: set a whole number from 1 to 10000."
  }

  validation {
    condition     = var.batch_size <= 10 || var.batch_window_seconds >= 1
    error_message = "batch_size of ${var.source_name} is ${var.batch_size} without a window: set batch_window_seconds to at least 1, or batch_size to 10 or less."
  }

  # The processor begins no record in its last 8 s, or 16 s where bodies have markers, and 50 ms for each is plenty.
  # What a batch does not get to comes back, and has used one of its receives: in batches that never end in time good webhooks
  # run out of them.
  validation {
    condition     = var.batch_size <= 20 * (var.timeout_seconds - local.reserved_seconds)
    error_message = "batch_size of ${var.source_name} is ${var.batch_size}, more than is sure to be done within timeout_seconds of ${var.timeout_seconds}: set timeout_seconds to at least ${ceil(var.batch_size / 20) + local.reserved_seconds}, or batch_size to at most ${max(1, 20 * (var.timeout_seconds - local.reserved_seconds))}."
  }
}

variable "batch_window_seconds" {
  description = "How long Lambda gathers records for a batch, 0 to 300 seconds. 0 calls as soon as there is one."
  type        = number

  validation {
    condition     = var.batch_window_seconds >= 0 && var.batch_window_seconds <= 300 && floor(var.batch_window_seconds) == var.batch_window_seconds
    error_message = "batch_window_seconds of ${var.source_name} is ${var.batch_window_seconds}: set a whole number from 0 to 300."
  }
}

variable "timeout_seconds" {
  description = "Longest run of one batch, in seconds. The queue hides a message for six times this, and the window."
  type        = number
}

variable "memory_mb" {
  description = "Memory of one processor in MB."
  type        = number
}

variable "paused" {
  description = "Stops the lane: webhooks are still accepted, and wait in the queue for as long as it keeps them."
  type        = bool
  default     = false
  nullable    = false
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the processor's metrics."
  type        = string
}

variable "log_retention_days" {
  description = "Days that log lines are kept."
  type        = number
}
