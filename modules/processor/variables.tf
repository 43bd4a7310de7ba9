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

variable "queue" {
  description = "The lane's queue and its dead-letter queue."
  type = object({
    arn             = string
    url             = string
    dead_letter_arn = string
    dead_letter_url = string
  })
}

variable "queue_retention_days" {
  description = "How long the lane's queue keeps a message. An event that would be forgotten before its next attempt is dead-lettered."
  type        = number
}

variable "fifo" {
  description = "Whether the lane's queue keeps an order."
  type        = bool
  default     = false
  nullable    = false
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

  # What the processor dead-letters is a new message: it may be redriven when the dead-letter queue's 14 days are nearly over.
  validation {
    condition     = local.has_effect ? var.event_retention_days >= var.queue_retention_days + 14 : true
    error_message = "event_retention_days of ${var.source_name} is ${var.event_retention_days}, and its messages may come back for ${var.queue_retention_days + 14} days: set it to at least that, or a webhook that is redriven late has a second effect."
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

variable "receipts" {
  description = "Whether a duplicate leaves an item, too, so that what became of it can be asked for."
  type        = bool
  default     = false
  nullable    = false
}

variable "handler" {
  description = "A function that is called for each event, as package.module:function. Null for none."
  type        = string
  default     = null

  validation {
    condition     = var.handler == null ? true : can(regex("^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)+:[A-Za-z_][A-Za-z0-9_]*$", var.handler))
    error_message = "handler of ${var.source_name} is \"${join("", var.handler[*])}\": write it as package.module:function, such as \"orders.views:handle\"."
  }

  # These are in the processor's zip, or come with Lambda's Python; and a zip's name ends in -cryptography for another reason.
  validation {
    condition     = !contains(["boto3", "botocore", "common", "cryptography", "processor"], split(".", join("", var.handler[*]))[0])
    error_message = "handler of ${var.source_name} is in a package named ${split(".", join("", var.handler[*]))[0]}, which is the name of another that the processor runs with: rename the package."
  }
}

variable "handler_environment" {
  description = "Environment variables of the handler's own."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = var.handler != null || length(var.handler_environment) == 0
    error_message = "${var.source_name} has handler_environment without a handler, which nothing would read: remove it, or add handler."
  }

  validation {
    condition     = length(setintersection(keys(var.handler_environment), keys(local.environment))) == 0
    error_message = "handler_environment of ${var.source_name} has ${join(", ", setintersection(keys(var.handler_environment), keys(local.environment)))}, which the processor itself reads: choose another name."
  }

  # AWS Lambda Developer Guide, "Working with Lambda environment variables".
  validation {
    condition     = alltrue([for name in keys(var.handler_environment) : can(regex("^[A-Za-z][A-Za-z0-9_]+$", name)) && !startswith(name, "AWS_") && !startswith(name, "LAMBDA_")])
    error_message = "handler_environment of ${var.source_name} has a name that Lambda keeps for itself or does not take: use letters, digits and _, begin with a letter, and not with AWS_ or LAMBDA_."
  }
}

variable "handler_permissions" {
  description = "What the handler may do beyond what the processor does: allowed actions on named resources."
  type = list(object({
    actions   = list(string)
    resources = list(string)
  }))
  default  = []
  nullable = false

  validation {
    condition     = var.handler != null || length(var.handler_permissions) == 0
    error_message = "${var.source_name} has handler_permissions without a handler, which nothing would use: remove them, or add handler."
  }
}

variable "postgres" {
  description = <<-EOT
    A row of PostgreSQL for each event; or without a table, a transaction for the handler. Null for neither.
    - table: "table" or "schema.table"
    - columns: what each is set to: {id}, {type}, {source}, {received_at}, {body}, or a JSON pointer into the body
    - key: the columns whose values tell rows apart, which the table has a unique constraint on
    - on_conflict: with a row of the same key, "nothing" is changed, or the other columns are set ("update")
  EOT
  type = object({
    table       = optional(string)
    columns     = optional(map(string), {})
    key         = optional(list(string), [])
    on_conflict = optional(string, "nothing")
  })
  default = null

  validation {
    condition     = alltrue([for postgres in var.postgres[*] : postgres.table != null || var.handler != null])
    error_message = "postgres of ${var.source_name} has no table, and there is no handler to use it: add table, columns and key, or handler."
  }

  validation {
    condition     = alltrue([for postgres in var.postgres[*] : length(postgres.columns) + length(postgres.key) == 0 && postgres.on_conflict == "nothing" if postgres.table == null])
    error_message = "postgres of ${var.source_name} has columns, key or on_conflict without a table, which would have no effect: add table, or remove them."
  }

  validation {
    condition     = alltrue([for postgres in var.postgres[*] : can(regex("^[^.]{1,63}([.][^.]{1,63})?$", postgres.table)) if postgres.table != null])
    error_message = "postgres.table of ${var.source_name} is no name: write \"table\" or \"schema.table\", each of at most 63 characters."
  }

  validation {
    condition     = alltrue([for postgres in var.postgres[*] : length(postgres.columns) > 0 && length(postgres.key) > 0 if postgres.table != null])
    error_message = "postgres of ${var.source_name} has a table without columns or without key: say what each column is set to, and which of them tell one event's row from another's."
  }

  validation {
    condition     = alltrue([for postgres in var.postgres[*] : length(setsubtract(postgres.key, keys(postgres.columns))) == 0 if postgres.table != null])
    error_message = "postgres.key of ${var.source_name} names ${join(", ", flatten([for postgres in var.postgres[*] : tolist(setsubtract(postgres.key, keys(postgres.columns)))]))}, which is not among its columns: add it there, or remove it from key."
  }

  validation {
    condition     = alltrue(flatten([for postgres in var.postgres[*] : [for column in keys(postgres.columns) : can(regex("^.{1,63}$", column))]]))
    error_message = "postgres.columns of ${var.source_name} has a name that PostgreSQL would cut off, or an empty one: use 1 to 63 characters."
  }

  validation {
    condition     = alltrue(flatten([for postgres in var.postgres[*] : [for value in values(postgres.columns) : contains(["{id}", "{type}", "{source}", "{received_at}", "{body}"], value) || startswith(value, "/")]]))
    error_message = "postgres.columns of ${var.source_name} has a value that is not known: use {id}, {type}, {source}, {received_at}, {body}, or a JSON pointer into the body, such as \"/data/amount\"."
  }

  validation {
    condition     = alltrue([for postgres in var.postgres[*] : contains(["nothing", "update"], postgres.on_conflict)])
    error_message = "postgres.on_conflict of ${var.source_name} is not known: set it to \"nothing\", which keeps the row that is there, or to \"update\"."
  }

  validation {
    condition     = alltrue([for postgres in var.postgres[*] : length(setsubtract(keys(postgres.columns), postgres.key)) > 0 if postgres.table != null && postgres.on_conflict == "update"])
    error_message = "postgres of ${var.source_name} has on_conflict = \"update\" and every column in key, so that nothing is left to update: set it to \"nothing\", or take columns out of key."
  }
}

variable "postgres_secret" {
  description = "Name and ARN of the secret with the connection. Null without postgres."
  type = object({
    name = string
    arn  = string
  })
  default = null
}

variable "http" {
  description = <<-EOT
    Where each event is POSTed to. Null for nowhere.
    - url: https://, without a user, a password or a fragment
    - timeout_seconds: how long an answer may take, 1 to 60
    - allow_private_addresses: whether the name may stand for an address that is not public; then the URL may be http://, too
  EOT
  type = object({
    url                     = string
    timeout_seconds         = optional(number, 10)
    allow_private_addresses = optional(bool, false)
  })
  default = null

  validation {
    condition     = length([for effect in [var.handler != null, length([for postgres in var.postgres[*] : postgres if postgres.table != null]) > 0, var.http != null] : effect if effect]) <= 1
    error_message = "${var.source_name} has more than one effect: keep one of handler, http and postgres.table. A handler may have postgres = {}, and writes the table itself."
  }

  validation {
    condition     = alltrue([for http in var.http[*] : can(regex("^https?://([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?([/?][!\"$-[\\]-~]*)?$", http.url))])
    error_message = "http.url of ${var.source_name} is \"${join("", var.http[*].url)}\": write it as https://host/path and possibly a query string, without user:password, a fragment or blanks. A secret has no place in it: it is in the state."
  }

  validation {
    condition     = alltrue([for http in var.http[*] : startswith(http.url, "https://") || http.allow_private_addresses])
    error_message = "http.url of ${var.source_name} is not encrypted: begin it with https://. With allow_private_addresses = true it may be http://, for a partner in the same network."
  }

  validation {
    condition     = alltrue([for http in var.http[*] : http.timeout_seconds >= 1 && http.timeout_seconds <= 60 && floor(http.timeout_seconds) == http.timeout_seconds])
    error_message = "http.timeout_seconds of ${var.source_name} must be a whole number from 1 to 60: a partner that takes longer ties up a processor of max_concurrency."
  }
}

variable "delivery_secret" {
  description = "Name and ARN of the secret that deliveries are signed with. Null without http."
  type = object({
    name = string
    arn  = string
  })
  default = null
}

variable "retry_schedule" {
  description = "The delays in seconds before the second attempt, the third, and so on, and whether each is drawn from its upper half. Null for a lane that only stores."
  type = object({
    delays_seconds = list(number)
    jitter         = bool
  })
  default = null
}

variable "vpc" {
  description = "Subnets and security groups that the processor runs in. It reaches AWS itself through NAT or endpoints only. Null for no VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
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
    condition     = var.batch_size <= 10 || var.batch_window_seconds >= 1 || var.fifo
    error_message = "batch_size of ${var.source_name} is ${var.batch_size} without a window: set batch_window_seconds to at least 1, or batch_size to 10 or less."
  }

  validation {
    condition     = var.fifo ? var.batch_size <= 10 : true
    error_message = "batch_size of ${var.source_name} is ${var.batch_size}: set it to at most 10, which is as many as Lambda takes from a FIFO queue."
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

  validation {
    condition     = var.fifo ? var.batch_window_seconds == 0 : true
    error_message = "batch_window_seconds of ${var.source_name} is ${var.batch_window_seconds}, and Lambda gathers no records of a FIFO queue: set it to 0, or leave it out."
  }
}

variable "timeout_seconds" {
  description = "Longest run of one batch, in seconds. The queue hides a message for six times this, and the window."
  type        = number

  # An attempt that is cut off is one of which nobody knows whether it had its effect.
  validation {
    condition     = var.timeout_seconds >= local.needed_seconds
    error_message = "timeout_seconds of ${var.source_name} is ${var.timeout_seconds}, in which its effect and what keeps the outcome may not fit: set it to at least ${local.needed_seconds}${var.http == null ? "" : ", or lower http.timeout_seconds"}."
  }
}

variable "memory_mb" {
  description = "Memory of one processor in MB."
  type        = number
}

variable "snap_start" {
  description = "Whether the processor starts from a snapshot, as modules/function describes it."
  type        = bool
  default     = false
  nullable    = false
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
