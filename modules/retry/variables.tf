variable "source_name" {
  description = "The source whose lane this is, for the sentences of this module's errors."
  type        = string
}

variable "has_effect" {
  description = "Whether the lane acts on a backend, and so has attempts of its own to count. One that only stores leaves them to SQS."
  type        = bool

  validation {
    condition     = var.has_effect || alltrue([for field in values(var.retry) : field == null])
    error_message = "Source ${var.source_name} has retry, which is for a lane with an effect: remove it, or add handler, postgres or http. A lane that only stores comes back after its visibility time-out, max_receive_count times."
  }

  # A message that goes to the dead-letter queue keeps its age, and that queue keeps it for 14 days.
  validation {
    condition     = var.has_effect ? local.needed_days <= 13 : true
    error_message = "Source ${var.source_name} needs ${local.needed_days} days for its ${local.attempts} attempts, each cut off after 6 x timeout_seconds, and SQS keeps a message for 14 in both queues together: shorten the delays or have fewer, so that 13 are enough."
  }
}

variable "retry" {
  description = <<-EOT
    When a failed attempt is made again. Exponential with jitter, or a list:
    - attempts: 2 to 100, 10 by default
    - first_delay_seconds: before the second attempt, 30 by default; it doubles with each
    - max_delay_seconds: where doubling ends, 43200 (12 hours) by default, the most that SQS can hide a message
    - delays_seconds: instead of these, the delay before the second attempt, the third, and so on
  EOT
  type = object({
    attempts            = optional(number)
    first_delay_seconds = optional(number)
    max_delay_seconds   = optional(number)
    delays_seconds      = optional(list(number))
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.retry.delays_seconds == null || alltrue([for field in [var.retry.attempts, var.retry.first_delay_seconds, var.retry.max_delay_seconds] : field == null])
    error_message = "Source ${var.source_name} has retry.delays_seconds beside attempts, first_delay_seconds or max_delay_seconds: give the list alone, which has one delay less than attempts, or leave it out."
  }

  validation {
    condition     = contains(range(2, 101), var.retry.delays_seconds != null ? length(var.retry.delays_seconds) + 1 : coalesce(var.retry.attempts, local.defaults.attempts))
    error_message = "Source ${var.source_name} gives an event a number of attempts that is none: set retry.attempts to a whole number from 2 to 100, or retry.delays_seconds to a list of 1 to 99 delays."
  }

  validation {
    condition = alltrue([
      for delay in flatten([for field in [var.retry.delays_seconds, var.retry.first_delay_seconds, var.retry.max_delay_seconds] : field if field != null]) :
      delay >= 1 && delay <= 43200 && floor(delay) == delay
    ])
    error_message = "Source ${var.source_name} has a delay in retry that SQS cannot hide a message for: set each to whole seconds from 1 to 43200."
  }

  validation {
    condition     = alltrue([for longest in var.retry.max_delay_seconds[*] : coalesce(var.retry.first_delay_seconds, local.defaults.first_delay_seconds) <= longest])
    error_message = "Source ${var.source_name} has retry.first_delay_seconds above max_delay_seconds, at which doubling ends: lower the first or raise the second."
  }
}

variable "timeout_seconds" {
  description = "Longest run of one batch, in seconds."
  type        = number
}

variable "batch_window_seconds" {
  description = "How long Lambda gathers records for a batch, in seconds."
  type        = number
}

variable "retention_days" {
  description = "How long the lane's queue is to keep a message. Null for 4 days, or for as many as the attempts take."
  type        = number
  default     = null

  validation {
    condition     = var.retention_days == null || !var.has_effect ? true : var.retention_days >= local.needed_days
    error_message = "Source ${var.source_name} has retention_days = ${var.retention_days == null ? 0 : var.retention_days}, in which its queue forgets an event before its last attempt: set it to at least ${local.needed_days}, or leave it out."
  }
}

variable "max_receive_count" {
  description = "After how many receives SQS dead-letters a message by itself. Null for 5; it is derived for a lane with an effect, whose processor counts attempts."
  type        = number
  default     = null

  validation {
    condition     = var.max_receive_count == null ? true : !var.has_effect
    error_message = "Source ${var.source_name} has max_receive_count beside an effect, whose attempts the processor counts, since SQS also counts receives without one: remove it, and set retry.attempts."
  }
}
