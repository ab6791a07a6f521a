"""What a pipeline does on this machine: jobs, models, transforms, conditions, model packages."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from pipeline.definition import DefinitionError

pytestmark = pytest.mark.slow


def test_a_processing_job_reads_its_inputs_and_its_outputs_become_objects(yard, build, step_of):
    yard.put("s3://raw/in/a.txt", "hello")
    step = build.processing(
        "Convert",
        "(ml / 'processing/output/train/x').mkdir(); "
        "text = (ml / 'processing/input/raw/a.txt').read_text()\n"
        "(Path(arguments[1]) / 'x/a.txt').write_text(text.upper())",
        inputs={"raw": "s3://raw/in/"},
        outputs={"train": build.below("Convert", "train")},
        arguments=("--out", "/opt/ml/processing/output/train"),
    )
    described = yard.run(build.definition(step))
    assert described["status"] == "Succeeded"
    uri = step_of(described, "Convert")["outputs"]["train"]
    assert uri == f"s3://bucket/runs/{described['execution']}/Convert/train"
    assert yard.read(uri + "/x/a.txt") == "HELLO"
    assert not list(yard.home.glob("jobs/*"))  # no job leaves its root behind


def test_a_job_that_writes_to_its_inputs_does_not_change_the_objects(yard, build):
    yard.put("s3://raw/in/a.txt", "original")
    code = "(ml / 'processing/input/raw/a.txt').write_text('SCRIBBLE')"
    assert (
        yard.run(build.definition(build.processing("P", code, inputs={"raw": "s3://raw/in/"})))["status"]
        == "Succeeded"
    )
    assert yard.read("s3://raw/in/a.txt") == "original"


def test_a_failing_job_fails_the_execution_with_its_own_words(yard, build, step_of):
    code = "(ml / 'output/message').write_text('row 7: no such species'); sys.exit(1)"
    after = build.processing("Never", "pass", DependsOn=["Bad"])
    described = yard.run(build.definition(build.processing("Bad", code), after))
    assert described["status"] == "Failed"
    assert (
        described["failure_reason"] == "step Bad failed: AlgorithmError: row 7: no such species, exit code: 1"
    )
    assert [step["name"] for step in described["steps"]] == ["Bad"]


def test_a_job_without_words_is_reported_with_the_end_of_its_log(yard, build, step_of):
    described = yard.run(build.definition(build.processing("Bad", "sys.exit('it went wrong')")))
    assert "ends with: it went wrong, exit code: 1" in described["failure_reason"]
    assert "it went wrong" in Path(step_of(described, "Bad")["log"]).read_text()


def test_what_runs_besides_a_failing_step_may_finish(yard, build, step_of):
    slow = build.processing("Slow", "time.sleep(0.3)")
    described = yard.run(build.definition(slow, build.processing("Bad", "sys.exit(1)")), max_parallel=2)
    assert described["status"] == "Failed"
    assert step_of(described, "Slow")["status"] == "Succeeded"


def test_an_input_without_objects_fails_the_job(yard, build):
    described = yard.run(build.definition(build.processing("P", "pass", inputs={"raw": "s3://raw/none/"})))
    assert "no S3 objects found under s3://raw/none/" in described["failure_reason"]


def test_a_job_sees_no_variable_of_the_user_but_its_own(yard, build, monkeypatch, step_of):
    monkeypatch.setenv("SECRET_OF_THE_USER", "x")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    code = (
        "assert 'SECRET_OF_THE_USER' not in os.environ and 'PYTHONDONTWRITEBYTECODE' not in os.environ; "
        "assert os.environ['PYTHONPATH'] == str(ml / 'processing/input/code')\n"
        "assert os.environ['COUNT'] == '3'"
    )
    environment = {"PYTHONPATH": "/opt/ml/processing/input/code", "COUNT": 3}
    step = build.processing("P", code, request={"Environment": environment})
    assert yard.run(build.definition(step))["failure_reason"] is None


def test_training_gets_its_configuration_and_leaves_model_and_metrics(yard, build, step_of):
    yard.put("s3://raw/train/part-1", "1,2\n")
    hyper = {"k": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.K"}]}}, "rate": 0.5, "flag": True}
    step = build.training("Train", data="s3://raw/train/", hyper=hyper)
    k = {"Name": "K", "Type": "Integer", "DefaultValue": 1}
    described = yard.run(build.definition(step, parameters=(k,)), parameters={"K": 7})
    train = step_of(described, "Train")
    assert train["metrics"] == {"train:binary_classification_accuracy": 0.75, "test:binary_f_beta": 0.9956}
    uri = train["outputs"]["model"]
    assert uri == f"s3://bucket/runs/{described['execution']}/Train/{train['job']}/output/model.tar.gz"
    with yard.open(write=False) as state:
        packed = io.BytesIO(state.objects.read(uri))
    with tarfile.open(fileobj=packed) as archive:
        assert archive.getnames() == ["model_algo-1"]
        content = archive.extractfile("model_algo-1")
        assert content is not None
        model = json.load(content)
    assert model["hyper"] == {"k": "7", "rate": "0.5", "flag": "true"}
    assert model["seen"] == {"train": {"part-1": "1,2\n"}}
    assert model["env"]["TRAINING_JOB_NAME"] == train["job"]
    assert train["job"].startswith(f"pipelines-{described['execution']}-Train-")


def test_equal_models_make_equal_archives(yard, build, step_of):
    yard.put("s3://raw/train/a", "1")
    code = "(base / 'model/more').mkdir(); (base / 'model/more/x').write_text('x'); os._exit(0)"
    definition = build.definition(build.training("Train", data="s3://raw/train/", hyper={"code": code}))
    archives = [yard.run(definition)["steps"][0]["outputs"]["model"] for _ in range(2)]
    with yard.open(write=False) as state:
        assert len({state.objects.read(uri) for uri in archives}) == 1


def test_a_failing_training_says_what_the_container_wrote(yard, build):
    yard.put("s3://raw/train/a", "1")
    code = "(base / 'output/failure').write_text('k must be positive, not -1'); sys.exit(1)"
    described = yard.run(
        build.definition(build.training("Train", data="s3://raw/train/", hyper={"code": code}))
    )
    assert (
        described["failure_reason"]
        == "step Train failed: AlgorithmError: k must be positive, not -1, exit code: 1"
    )


def chain(build, **transform):
    return (
        build.training("Train", data="s3://raw/train/"),
        build.model("CreateModel", "Train", transform.pop("environment", {})),
        build.transform("Transform", "CreateModel", "s3://raw/test/", **transform),
    )


def test_a_transform_writes_an_answer_beside_the_name_of_each_input(yard, build, step_of):
    yard.put("s3://raw/train/a", "1")
    yard.put("s3://raw/test/a.csv", "1\n2\n3")
    yard.put("s3://raw/test/deep/b.csv", "4\n")
    described = yard.run(build.definition(*chain(build)))
    assert described["failure_reason"] is None
    uri = step_of(described, "Transform")["outputs"]["transform"]
    assert yard.read(f"{uri}/a.csv.out") == "3:1\n3:2\n3:3\n"
    assert yard.read(f"{uri}/deep/b.csv.out") == "1:4\n"
    model = step_of(described, "CreateModel")["properties"]
    assert model["ModelName"].startswith(f"pipelines-{described['execution']}-CreateModel-")


def test_single_records_are_sent_one_by_one_and_come_back_in_order(yard, build, step_of):
    yard.put("s3://raw/train/a", "1")
    rows = [str(number) for number in range(50)]
    yard.put("s3://raw/test/a.csv", "\n".join(rows))
    request = {"BatchStrategy": "SingleRecord", "MaxConcurrentTransforms": 4}
    described = yard.run(build.definition(*chain(build, request=request)))
    uri = step_of(described, "Transform")["outputs"]["transform"]
    assert yard.read(f"{uri}/a.csv.out").split() == [f"1:{row}" for row in rows]


def test_the_servers_recommendation_counts_where_the_request_is_silent(yard, build, step_of):
    yard.put("s3://raw/train/a", "1")
    yard.put("s3://raw/test/a.csv", "1\n2\n")
    environment = {"PARAMETERS": json.dumps({"BatchStrategy": "SingleRecord", "MaxConcurrentTransforms": 2})}
    described = yard.run(build.definition(*chain(build, environment=environment)))
    uri = step_of(described, "Transform")["outputs"]["transform"]
    assert yard.read(f"{uri}/a.csv.out") == "1:1\n1:2\n"


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("refuse", "ClientError: 400 from the model server: row 1 has 3 columns, 4 are wanted"),
        ("break", "InternalServerError: the container was killed by SIGKILL"),
        ("never", "cannot load the model"),
    ],
)
def test_a_server_that_cannot_answer_fails_the_transform_with_the_reason(yard, build, step_of, mode, reason):
    yard.put("s3://raw/train/a", "1")
    yard.put("s3://raw/test/a.csv", "1\n")
    described = yard.run(build.definition(*chain(build, environment={"MODE": mode})))
    assert reason in step_of(described, "Transform")["failure_reason"]
    with yard.open(write=False) as state:
        assert not state.objects.exists(f"s3://bucket/runs/{described['execution']}/Transform/")


def test_a_refused_batch_leaves_no_output_of_the_others(yard, build, step_of):
    yard.put("s3://raw/train/a", "1")
    yard.put("s3://raw/test/a.csv", "1\n")
    yard.put("s3://raw/test/b.csv", "bad\n")
    described = yard.run(build.definition(*chain(build)))
    assert described["status"] == "Failed"
    with yard.open(write=False) as state:
        assert not state.objects.exists(f"s3://bucket/runs/{described['execution']}/Transform/")


def test_packages_of_a_group_are_numbered_and_carry_their_approval(yard, build, step_of):
    yard.put("s3://raw/train/a", "1")
    register = build.register("Register", "Train", ModelApprovalStatus={"Get": "Parameters.Status"})
    status = {"Name": "Status", "Type": "String", "DefaultValue": "PendingManualApproval"}
    definition = build.definition(
        build.training("Train", data="s3://raw/train/"), register, parameters=(status,)
    )
    first = yard.run(definition)
    second = yard.run(definition, parameters={"Status": "Approved"})
    with yard.open(write=False) as state:
        packages = state.model_packages("toys")
    assert [(package["version"], package["approval_status"]) for package in packages] == [
        (2, "Approved"),
        (1, "PendingManualApproval"),
    ]
    assert packages[0]["model_package_arn"] == "arn:aws:sagemaker:us-east-1:000000000000:model-package/toys/2"
    assert packages[0]["execution"] == second["execution"]
    assert packages[1]["model_data_url"] == step_of(first, "Train")["outputs"]["model"]


def gate(build, value):
    evaluate = build.processing(
        "Evaluate",
        f"document = {{'champion': {{'value': {value}}}}}\n"
        "(ml / 'processing/output/evaluation/e.json').write_text(json.dumps(document))",
        outputs={"evaluation": build.below("Evaluate")},
        files={"Evaluation": ("evaluation", "e.json")},
    )
    measured = {
        "Std:JsonGet": {
            "PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Evaluation"},
            "Path": "champion.value",
        }
    }
    good = {"Type": "GreaterThanOrEqualTo", "LeftValue": measured, "RightValue": {"Get": "Parameters.MinF1"}}
    message = {"Std:Join": {"On": "", "Values": ["below ", {"Get": "Parameters.MinF1"}]}}
    very_good = {"Type": "GreaterThan", "LeftValue": measured, "RightValue": 0.99}
    inner = build.condition(
        "VeryGood", [very_good], [build.processing("Best", "pass")], [build.processing("Fine", "pass")]
    )
    check = build.condition("Check", [good], [inner], [build.fail("TooLow", message)])
    minimum = {"Name": "MinF1", "Type": "Float", "DefaultValue": 0.9}
    return build.definition(evaluate, check, parameters=(minimum,))


@pytest.mark.parametrize(("value", "taken"), [(0.95, "Fine"), (0.999, "Best")])
def test_a_condition_runs_the_branch_that_it_chose(yard, build, step_of, value, taken):
    described = yard.run(gate(build, value))
    assert described["status"] == "Succeeded"
    assert [step["name"] for step in described["steps"]] == ["Evaluate", "Check", "VeryGood", taken]
    assert step_of(described, "Check")["outcome"] == "True"


def test_a_fail_step_ends_the_execution_with_its_message(yard, build, step_of):
    described = yard.run(gate(build, 0.5))
    assert (described["status"], described["failure_reason"]) == ("Failed", "below 0.9")
    assert step_of(described, "Check")["outcome"] == "False"


def test_a_failure_names_step_and_expression(yard, build):
    broken = build.processing("P", "pass", arguments=({"Get": "Execution.Nonsense"},))
    reason = yard.run(build.definition(broken))["failure_reason"]
    assert """step 'P': {"Get": "Execution.Nonsense"}: there is no execution variable 'Nonsense'""" in reason


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([{"Name": "L", "Type": "Lambda", "Arguments": {}}], r"L \(Lambda\)"),
        (
            [{"Name": "P", "Type": "Processing", "Arguments": {"x": {"Get": "Steps.Q.y"}}}],
            "'Q', which does not exist",
        ),
        (
            [
                {"Name": "A", "Type": "Fail", "Arguments": {}, "DependsOn": ["B"]},
                {"Name": "B", "Type": "Fail", "Arguments": {}, "DependsOn": ["A"]},
            ],
            "wait for each other: A, B, A",
        ),
        ([{"Name": "A", "Type": "Fail", "Arguments": {}}] * 2, "two steps are called 'A'"),
        ([], "no steps"),
    ],
)
def test_a_definition_that_cannot_run_is_refused_before_anything_starts(yard, build, steps, complaint):
    with pytest.raises(DefinitionError, match=complaint):
        yard.run(build.definition(*steps))
    with yard.open(write=False) as state:
        assert state.executions() == []


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"Epoch": 3}, r"unknown parameter 'Epoch' \(did you mean 'Epochs'\?\)"),
        ({"Epochs": "3"}, "'Epochs' is '3', which is no Integer"),
        ({"Epochs": True}, "'Epochs' is True, which is no Integer"),
        ({}, "'Epochs' has no default"),
        ({"Epochs": 1, "Mode": "c"}, "'Mode' is 'c'; allowed: a, b"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(yard, build, given, complaint):
    epochs = {"Name": "Epochs", "Type": "Integer"}
    mode = {"Name": "Mode", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]}
    definition = build.definition(build.fail("F", "x"), parameters=(epochs, mode))
    with pytest.raises(DefinitionError, match=complaint):
        yard.run(definition, parameters=given)
