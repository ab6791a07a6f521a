"""Each check with a definition that passes and one that does not.

The passing definition is the committed one of `iris`; the failing ones are it with one thing changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.definition import load, steps, task_names
from pipeline.lint import CHECKS, Pipeline, conditions, graph, limits, lint, locations, security
from pipeline.lint import steps as step_checks

Definition = dict[str, Any]
Change = Callable[[Definition], None]


def step(definition: Definition, name: str) -> dict[str, Any]:
    return next(placed.step for placed in steps(definition) if placed.name == name)


def arguments(definition: Definition, name: str) -> Any:
    return step(definition, name)["Arguments"]


def parameter(definition: Definition, name: str) -> dict[str, Any]:
    return next(entry for entry in definition["Parameters"] if entry["Name"] == name)


@pytest.mark.parametrize("task", task_names())
def test_committed_definitions_would_be_accepted(task: str) -> None:
    assert lint(load(task)) == []


CASES: list[tuple[Callable[..., Any], str, Change]] = []


def case(check: Callable[..., Any], message: str) -> Callable[[Change], Change]:
    """Register a change that makes `check` find something that says `message`."""

    def register(change: Change) -> Change:
        CASES.append((check, message, change))
        return change

    return register


# --- graph --------------------------------------------------------------------------------------------


@case(graph.names_are_unique, "Convert: 2 steps have this name; rename all but one")
def a_name_used_twice(definition: Definition) -> None:
    step(definition, "QualityTooLow")["Name"] = "Convert"


@case(graph.names_are_unique, "KnnK: 2 parameters have this name")
def a_parameter_declared_twice(definition: Definition) -> None:
    definition["Parameters"].append(parameter(definition, "KnnK"))


@case(graph.names_are_allowed, "Is Champion?: step names match")
def a_name_with_a_blank(definition: Definition) -> None:
    step(definition, "IsChampion-knn")["Name"] = "Is Champion?"


@case(graph.names_are_allowed, "parameter names match")
def a_parameter_with_a_dot(definition: Definition) -> None:
    parameter(definition, "KnnK")["Name"] = "Knn.K"


@case(graph.references_exist, "no such parameter (did you mean 'RawData'?)")
def a_misspelt_parameter(definition: Definition) -> None:
    arguments(definition, "Convert")["ProcessingInputs"][1]["S3Input"]["S3Uri"] = {
        "Get": "Parameters.RawDate"
    }


@case(graph.references_exist, "no such step (did you mean 'Train-knn'?)")
def a_misspelt_step(definition: Definition) -> None:
    container = arguments(definition, "CreateModel-knn")["PrimaryContainer"]
    container["ModelDataUrl"] = {"Get": "Steps.Train-kn.ModelArtifacts.S3ModelArtifacts"}


@case(graph.references_exist, "a Training step has no such property")
def a_misspelt_property(definition: Definition) -> None:
    container = arguments(definition, "CreateModel-knn")["PrimaryContainer"]
    container["ModelDataUrl"] = {"Get": "Steps.Train-knn.ModelArtifacts.S3Uri"}


@case(graph.references_exist, "Convert has no output tests (did you mean 'test'?)")
def a_misspelt_output(definition: Definition) -> None:
    source = arguments(definition, "Transform-knn")["TransformInput"]["DataSource"]["S3DataSource"]
    source["S3Uri"] = {"Get": "Steps.Convert.ProcessingOutputConfig.Outputs['tests'].S3Output.S3Uri"}


@case(graph.references_exist, "Convert declares no property file Data")
def a_misspelt_property_file(definition: Definition) -> None:
    arguments(definition, "Train-knn")["HyperParameters"]["feature_dim"] = {
        "Std:JsonGet": {"PropertyFile": {"Get": "Steps.Convert.PropertyFiles.Data"}, "Path": "a"}
    }


@case(graph.references_exist, "no such variable (did you mean 'PipelineExecutionId'?)")
def a_misspelt_variable(definition: Definition) -> None:
    arguments(definition, "Train-knn")["OutputDataConfig"]["S3OutputPath"] = {
        "Std:Join": {"On": "/", "Values": ["s3://b", {"Get": "Execution.PipelineExecutionID"}]}
    }


@case(graph.references_exist, "a Get names Parameters.X, Execution.X or Steps.X.Y")
def a_get_of_nothing(definition: Definition) -> None:
    arguments(definition, "Convert")["RoleArn"] = {"Get": "Role"}


@case(graph.dependencies_exist, "Inspect.DependsOn: no step Converted (did you mean 'Convert'?)")
def a_dependency_on_nothing(definition: Definition) -> None:
    step(definition, "Inspect")["DependsOn"] = ["Converted"]


@case(graph.branches_stay_closed, "Inspect: waits for Register-knn, which runs in a branch only")
def a_dependency_into_a_branch(definition: Definition) -> None:
    step(definition, "Inspect")["DependsOn"] = ["Register-knn"]


@case(graph.no_step_waits_for_itself, "→ Convert")
def a_circle(definition: Definition) -> None:
    step(definition, "Convert")["DependsOn"] = ["Inspect"]


@case(graph.parameters_are_used, "Unused: no step reads this parameter")
def a_parameter_without_effect(definition: Definition) -> None:
    definition["Parameters"].append({"Name": "Unused", "Type": "String"})


@case(graph.property_files_are_outputs, "Convert has no output datasets (did you mean 'dataset'?)")
def a_property_file_in_no_output(definition: Definition) -> None:
    step(definition, "Convert")["PropertyFiles"][0]["OutputName"] = "datasets"


@case(graph.json_paths_are_text, "Path must be plain text")
def a_path_from_a_parameter(definition: Definition) -> None:
    condition = arguments(definition, "CheckQuality")["Conditions"][0]
    condition["LeftValue"]["Std:JsonGet"]["Path"] = {"Get": "Parameters.MinF1"}


# --- conditions ---------------------------------------------------------------------------------------


@case(conditions.conditions_are_known, "no condition is of type GreaterThanOrEqual (did you mean")
def an_unknown_condition(definition: Definition) -> None:
    arguments(definition, "CheckQuality")["Conditions"][0]["Type"] = "GreaterThanOrEqual"


@case(conditions.conditions_are_known, "Not has the properties Condition, Type, not Expression, Type")
def a_not_with_the_wrong_property(definition: Definition) -> None:
    conditions_of = arguments(definition, "CheckQuality")["Conditions"]
    conditions_of[0] = {"Type": "Not", "Expression": conditions_of[0]}


@case(conditions.conditions_are_known, "Conditions[0].Condition: no condition is of type Like")
def an_unknown_condition_within_another(definition: Definition) -> None:
    arguments(definition, "CheckQuality")["Conditions"][0] = {"Type": "Not", "Condition": {"Type": "Like"}}


@case(conditions.orders_compare_numbers, "RightValue: text has no order")
def an_order_of_text(definition: Definition) -> None:
    arguments(definition, "CheckQuality")["Conditions"][0]["RightValue"] = "0.9"


@case(conditions.orders_compare_numbers, "RightValue: text has no order")
def an_order_of_a_text_parameter(definition: Definition) -> None:
    arguments(definition, "CheckQuality")["Conditions"][0]["RightValue"] = {"Get": "Parameters.RawData"}


# --- limits -------------------------------------------------------------------------------------------


@case(limits.definition_is_short_enough, "1048576 are allowed")
def a_definition_too_long(definition: Definition) -> None:
    step(definition, "Convert")["Description"] = "x" * 1_048_576


@case(limits.parameters_are_few_enough, "200 are allowed")
def parameters_too_many(definition: Definition) -> None:
    definition["Parameters"] += [{"Name": f"P{number}", "Type": "String"} for number in range(200)]


@case(limits.retries_are_allowed, "Convert.RetryPolicies[0]: MaxAttempts is 21; 1 to 20 are allowed")
def retries_too_many(definition: Definition) -> None:
    step(definition, "Convert")["RetryPolicies"][0]["MaxAttempts"] = 21


@case(limits.retries_are_allowed, "give one of MaxAttempts and ExpireAfterMin, not neither")
def retries_without_end(definition: Definition) -> None:
    del step(definition, "Convert")["RetryPolicies"][0]["MaxAttempts"]


@case(limits.retries_are_allowed, "a Model step has no error SageMaker.CAPACITY_ERROR")
def a_retry_of_a_job_on_a_model(definition: Definition) -> None:
    step(definition, "CreateModel-knn")["RetryPolicies"][0]["ExceptionType"] = ["SageMaker.CAPACITY_ERROR"]


@case(limits.retries_are_allowed, "has no error SageMaker.JOB_CAPACITY_ERROR")
def the_guides_spelling_of_the_capacity_error(definition: Definition) -> None:
    step(definition, "Convert")["RetryPolicies"][2]["ExceptionType"] = ["SageMaker.JOB_CAPACITY_ERROR"]


@case(limits.retries_are_allowed, "2 policies name Step.THROTTLING; keep one")
def an_error_in_two_policies(definition: Definition) -> None:
    step(definition, "Convert")["RetryPolicies"][1]["ExceptionType"] = ["Step.THROTTLING"]


@case(limits.caches_are_allowed, "ExpireAfter is None; write a duration such as P30D")
def a_cache_without_end(definition: Definition) -> None:
    del step(definition, "Convert")["CacheConfig"]["ExpireAfter"]


@case(limits.caches_are_allowed, "ExpireAfter is '30 days'")
def a_cache_with_a_duration_in_words(definition: Definition) -> None:
    step(definition, "Convert")["CacheConfig"]["ExpireAfter"] = "30 days"


@case(limits.caches_are_allowed, "a Model step is never cached")
def a_cached_model(definition: Definition) -> None:
    step(definition, "CreateModel-knn")["CacheConfig"] = {"Enabled": True, "ExpireAfter": "P1D"}


# --- what is asked of the service ---------------------------------------------------------------------

fits = step_checks.arguments_fit_the_service


@case(step_checks.types_are_supported, "steps of type Lambda are not run here")
def a_step_of_another_type(definition: Definition) -> None:
    step(definition, "Inspect")["Type"] = "Lambda"


@case(fits, "CreateTrainingJobRequest knows no ResourceConfigs (did you mean 'ResourceConfig'?)")
def an_unknown_member(definition: Definition) -> None:
    arguments(definition, "Train-knn")["ResourceConfigs"] = {}


@case(fits, "Train-knn: OutputDataConfig is missing, which CreateTrainingJobRequest requires")
def a_missing_member(definition: Definition) -> None:
    del arguments(definition, "Train-knn")["OutputDataConfig"]


@case(fits, "ResourceConfig.InstanceCount: '1' is text where integer is wanted")
def text_for_a_number(definition: Definition) -> None:
    arguments(definition, "Train-knn")["ResourceConfig"]["InstanceCount"] = "1"


@case(fits, "EnableNetworkIsolation: 1 is a whole number where boolean is wanted")
def a_number_for_a_boolean(definition: Definition) -> None:
    arguments(definition, "Train-knn")["EnableNetworkIsolation"] = 1


@case(fits, "HyperParameters.k: 5 is a whole number where string is wanted")
def a_hyperparameter_that_is_no_text(definition: Definition) -> None:
    arguments(definition, "Train-knn")["HyperParameters"]["k"] = 5


@case(fits, "parameter KnnK is Integer where string is wanted; join it to text")
def a_number_parameter_as_hyperparameter(definition: Definition) -> None:
    arguments(definition, "Train-knn")["HyperParameters"]["k"] = {"Get": "Parameters.KnnK"}


@case(fits, "'Lines' is none of the allowed values (did you mean 'Line'?)")
def a_value_outside_the_enumeration(definition: Definition) -> None:
    arguments(definition, "Transform-knn")["TransformInput"]["SplitType"] = "Lines"


@case(fits, "'ml.huge' is none of the allowed values")
def a_default_outside_the_enumeration(definition: Definition) -> None:
    parameter(definition, "TrainingInstanceType")["DefaultValue"] = "ml.huge"


@case(fits, "'Later' is none of the allowed values")
def an_enumeration_wider_than_the_services(definition: Definition) -> None:
    parameter(definition, "ApprovalStatus")["EnumValues"].append("Later")


@case(fits, "RoleArn: 'arn:aws:iam::1:role/role-of-convert' does not match")
def a_role_that_is_no_role(definition: Definition) -> None:
    arguments(definition, "Convert")["RoleArn"] = "arn:aws:iam::1:role/role-of-convert"


@case(fits, "S3OutputPath: 'bucket/a1b2c3d4e5f6' does not match")
def a_join_that_gives_no_location(definition: Definition) -> None:
    arguments(definition, "Train-knn")["OutputDataConfig"]["S3OutputPath"] = {
        "Std:Join": {"On": "/", "Values": ["bucket", {"Get": "Execution.PipelineExecutionId"}]}
    }


@case(fits, "VolumeSizeInGB: 0 is below the least allowed, 1")
def a_volume_of_nothing(definition: Definition) -> None:
    arguments(definition, "Convert")["ProcessingResources"]["ClusterConfig"]["VolumeSizeInGB"] = 0


@case(fits, "Subnets: a length of 17 is above the most allowed, 16")
def subnets_too_many(definition: Definition) -> None:
    arguments(definition, "Train-knn")["VpcConfig"]["Subnets"] = ["subnet-1"] * 17


@case(fits, "InstanceCount: Std:Join gives text where integer is wanted")
def a_join_for_a_number(definition: Definition) -> None:
    join = {"Std:Join": {"On": "", "Values": ["1"]}}
    arguments(definition, "Train-knn")["ResourceConfig"]["InstanceCount"] = join


@case(fits, "Std:JsonGet gives one value where structure is wanted")
def a_json_get_for_a_structure(definition: Definition) -> None:
    json_get = arguments(definition, "Train-knn")["HyperParameters"]["feature_dim"]
    arguments(definition, "Train-knn")["ResourceConfig"] = json_get


@case(fits, "Steps.Train-knn.ModelArtifacts is structure where string is wanted")
def a_property_of_another_type(definition: Definition) -> None:
    container = arguments(definition, "CreateModel-knn")["PrimaryContainer"]
    container["ModelDataUrl"] = {"Get": "Steps.Train-knn.ModelArtifacts"}


@case(fits, "Execution.PipelineExecutionId is text where integer is wanted")
def a_variable_of_another_type(definition: Definition) -> None:
    count = {"Get": "Execution.PipelineExecutionId"}
    arguments(definition, "Train-knn")["ResourceConfig"]["InstanceCount"] = count


@case(step_checks.algorithms_define_no_metrics, "Train-knn: a built-in algorithm defines its metrics")
def metrics_of_a_built_in_algorithm(definition: Definition) -> None:
    metric = {"Name": "loss", "Regex": "loss=(.*)"}
    arguments(definition, "Train-knn")["AlgorithmSpecification"]["MetricDefinitions"] = [metric]


@case(step_checks.channels_keep_the_input_mode, "InputMode File overrides the job's Pipe")
def a_channel_that_loses_the_pipe(definition: Definition) -> None:
    arguments(definition, "Train-knn")["InputDataConfig"][0]["InputMode"] = "File"


@case(step_checks.sdk_leaves_nothing_behind, "ModelMetrics.Bias: the SDK wrote an empty group")
def an_empty_group(definition: Definition) -> None:
    arguments(definition, "Register-knn")["ModelMetrics"]["Bias"] = {}


@case(step_checks.sdk_leaves_nothing_behind, "the SDK wrote the environment of a framework")
def a_framework_environment(definition: Definition) -> None:
    container = arguments(definition, "Register-knn")["InferenceSpecification"]["Containers"][0]
    container["Environment"] = {"SAGEMAKER_PROGRAM": ""}


@case(step_checks.sdk_leaves_nothing_behind, "the SDK chose a location; give one in full")
def a_location_in_the_default_bucket(definition: Definition) -> None:
    arguments(definition, "Train-knn")["OutputDataConfig"]["S3OutputPath"] = "s3://no-default-bucket/x"


# --- security -----------------------------------------------------------------------------------------


@case(locations.locations_stand_apart, "begins with that of Convert.Outputs[test]")
def an_output_that_a_reader_of_another_would_get_too(definition: Definition) -> None:
    outputs = arguments(definition, "Convert")["ProcessingOutputConfig"]["Outputs"]
    labels = next(output for output in outputs if output["OutputName"] == "test_labels")
    labels["S3Output"]["S3Uri"]["Std:Join"]["Values"][-1] = "test_labels"


@case(security.jobs_run_in_the_vpc, "Convert: runs outside the VPC")
def a_processing_job_outside_the_vpc(definition: Definition) -> None:
    del arguments(definition, "Convert")["NetworkConfig"]["VpcConfig"]


@case(security.jobs_run_in_the_vpc, "Train-knn: runs outside the VPC")
def a_training_job_outside_the_vpc(definition: Definition) -> None:
    del arguments(definition, "Train-knn")["VpcConfig"]


@case(security.containers_have_no_network, "CreateModel-knn: its container can reach the network")
def a_model_with_a_network(definition: Definition) -> None:
    arguments(definition, "CreateModel-knn")["EnableNetworkIsolation"] = False


@case(security.data_is_encrypted, "Transform-knn.TransformOutput.KmsKeyId: no key is named")
def an_output_in_clear(definition: Definition) -> None:
    del arguments(definition, "Transform-knn")["TransformOutput"]["KmsKeyId"]


@case(security.data_is_encrypted, "Train-knn: traffic between containers is in clear")
def traffic_in_clear(definition: Definition) -> None:
    arguments(definition, "Train-knn")["EnableInterContainerTrafficEncryption"] = False


@pytest.mark.parametrize(("check", "message", "change"), CASES, ids=[change.__name__ for *_, change in CASES])
def test_each_check_passes_what_is_right_and_names_what_is_wrong(
    check: Callable[..., Any], message: str, change: Change
) -> None:
    right = load("iris")
    assert list(check(Pipeline.of(right))) == []
    wrong = copy.deepcopy(right)
    change(wrong)
    assert any(message in str(finding) for finding in check(Pipeline.of(wrong)))
    assert any(message in str(finding) for finding in lint(wrong))


def test_every_check_has_a_case() -> None:
    assert {check for check, _, _ in CASES} == set(CHECKS)


def test_a_placeholder_that_nobody_fills_in_is_found() -> None:
    definition = load("iris")
    arguments(definition, "Convert")["RoleArn"] = "${ConvertRole}"
    assert [finding.where for finding in lint(definition)] == ["${ConvertRole}"]
