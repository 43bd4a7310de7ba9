"""Each source's lane: route, queue, dead-letter queue, event source mapping."""

from tests.plan.environment import PROCESSOR, sources
from tests.plan.plan import Plan


def test_each_source_has_exactly_one_lane(environment: Plan) -> None:
    each_has_one = [
        environment.by_source("aws_api_gateway_method", name="post"),
        environment.by_source("aws_api_gateway_integration", name="post"),
        environment.by_source("aws_api_gateway_method_settings", name="post"),
        environment.by_source("aws_sqs_queue", name="this"),
        environment.by_source("aws_sqs_queue", name="dead_letter"),
        environment.by_source("aws_lambda_function", module=PROCESSOR),
        environment.by_source("aws_lambda_event_source_mapping"),
    ]
    assert all(set(lanes) == sources(environment) for lanes in each_has_one)


def test_each_source_has_a_route_of_its_own_name(environment: Plan) -> None:
    routes = {
        key: resource["path_part"]
        for key, resource in environment.by_source("aws_api_gateway_resource", name="source").items()
    }
    assert routes == {key: key for key in sources(environment)}


def test_a_message_is_hidden_for_six_function_timeouts_and_the_window(environment: Plan) -> None:
    functions = environment.by_source("aws_lambda_function", module=PROCESSOR)
    mappings = environment.by_source("aws_lambda_event_source_mapping")
    for key, queue in environment.by_source("aws_sqs_queue", name="this").items():
        window = mappings[key]["maximum_batching_window_in_seconds"] or 0
        assert queue["visibility_timeout_seconds"] == 6 * functions[key]["timeout"] + window


def test_a_dead_letter_queue_keeps_longer_than_its_queue(environment: Plan) -> None:
    dead_letters = environment.by_source("aws_sqs_queue", name="dead_letter")
    for key, queue in environment.by_source("aws_sqs_queue", name="this").items():
        assert dead_letters[key]["message_retention_seconds"] > queue["message_retention_seconds"]


def test_queues_are_encrypted(environment: Plan) -> None:
    # That they refuse anything but TLS is in policies that name them whole, which are known after an apply alone.
    assert all(queue.values["sqs_managed_sse_enabled"] for queue in environment.resources("aws_sqs_queue"))


def test_a_lane_is_throttled_and_reports_records_one_by_one(environment: Plan) -> None:
    for mapping in environment.by_source("aws_lambda_event_source_mapping").values():
        assert mapping["scaling_config"][0]["maximum_concurrency"] >= 2
        assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
        assert mapping["enabled"]


def test_no_function_reserves_concurrency(environment: Plan) -> None:
    """It would throttle batches after they were read, and a throttled authorizer answers 500."""
    assert all(
        function.values["reserved_concurrent_executions"] == -1
        for function in environment.resources("aws_lambda_function")
    )
