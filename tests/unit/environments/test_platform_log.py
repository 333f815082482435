"""START, END, REPORT and their kin. Text forms recorded on AWS on 2025-11-24, and published in 2025 and 2026."""

import json

import pytest

from lamplighter.environments.platform_log import JsonLog, Report, Subject, TextLog, platform_log

SUBJECT = Subject("probe", "$LATEST", 128, "us-east-1", "python3.12", "3.12.7")
ID = "8b5ce5a0-5cd6-4b58-a3ba-b4b0a1d5d1b4"
NOW = 1_750_000_000.25


def test_start_and_end_of_an_invoke() -> None:
    log = TextLog(SUBJECT)
    assert log.start(NOW, ID) == (f"START RequestId: {ID} Version: $LATEST\n",)
    assert log.end(NOW, Report(ID, 1.23, 2, 36)) == (
        f"END RequestId: {ID}\n",
        (
            f"REPORT RequestId: {ID}\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 36 MB\t\n"
        ),
    )


def test_the_first_invoke_reports_its_init() -> None:
    _, report = TextLog(SUBJECT).end(NOW, Report(ID, 80.3, 570, 97, init_ms=488.906))
    assert report.endswith(
        "Duration: 80.30 ms\tBilled Duration: 570 ms\tMemory Size: 128 MB\tMax Memory Used: 97 MB\t"
        "Init Duration: 488.91 ms\t\n"
    )


def test_a_timeout_and_a_crash_have_a_status_and_no_last_tab() -> None:
    _, timeout = TextLog(SUBJECT).end(NOW, Report(ID, 3000, 3403, 73, 402.04, "timeout", "Sandbox.Timedout"))
    assert timeout == (
        f"REPORT RequestId: {ID}\tDuration: 3000.00 ms\tBilled Duration: 3403 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 73 MB\tInit Duration: 402.04 ms\tStatus: timeout\n"
    )
    _, crash = TextLog(SUBJECT).end(NOW, Report(ID, 5, 5, 128, None, "failure", "Runtime.OutOfMemory"))
    assert crash.endswith("Max Memory Used: 128 MB\tStatus: error\tError Type: Runtime.OutOfMemory\n")


def test_an_exception_in_the_handler_leaves_the_report_as_it_is() -> None:
    _, report = TextLog(SUBJECT).end(NOW, Report(ID, 5, 5, 30, None, "error", "Runtime.Unknown"))
    assert report.endswith("Max Memory Used: 30 MB\t\n")


def test_a_sampled_trace_is_told_behind_the_report() -> None:
    header = "Root=1-6ac7d63f-0104e99861c65c8039f183da;Parent=7c4eb6a6d56f2a27;Sampled=1"
    _, report = TextLog(SUBJECT).end(NOW, Report(ID, 5, 5, 30, trace_header=header))
    assert report.endswith(
        "MB\t\nXRAY TraceId: 1-6ac7d63f-0104e99861c65c8039f183da\tSegmentId: 7c4eb6a6d56f2a27\tSampled: true\t\n"
    )


def test_init_lines() -> None:
    log = TextLog(SUBJECT)
    (start,) = log.init_start(NOW)
    assert start.startswith(
        "INIT_START Runtime Version: python:3.12.v7\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:"
    )
    assert log.init_report(NOW, 1236.04, "init", None) == (
        "INIT_REPORT Init Duration: 1236.04 ms\tPhase: init\tStatus: timeout\n",
    )
    assert log.init_report(NOW, 1, "invoke", "Runtime.ExitError") == (
        "INIT_REPORT Init Duration: 1.00 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\n",
    )


@pytest.mark.parametrize(
    ("runtime", "version", "label"),
    [
        ("python3.13", "3.13.5", "python:3.13.v5"),
        ("nodejs22.x", "22.23.3", "nodejs:22.v3"),
        ("provided.al2023", "", "provided:al2023.v0"),
        ("provided.al2", "al2", "provided:al2.v0"),
        ("java21", "21.0.12", "java:21.v12"),
        ("ruby3.3", "3.3.8", "ruby:3.3.v8"),
    ],
)
def test_runtime_versions_have_lambdas_form(runtime: str, version: str, label: str) -> None:
    assert Subject("f", "1", 128, "us-east-1", runtime, version).runtime_label == label


def test_json_records_carry_the_same_facts() -> None:
    log = JsonLog(SUBJECT, "DEBUG")
    (start,) = log.start(NOW, ID)
    assert json.loads(start) == {
        "time": "2025-06-15T15:06:40.250Z",
        "type": "platform.start",
        "record": {"requestId": ID, "version": "$LATEST"},
    }
    assert start.endswith("}\n")
    done, report = (json.loads(line) for line in log.end(NOW, Report(ID, 1.234, 2, 36, 100.5)))
    assert (done["type"], done["record"]) == ("platform.runtimeDone", {"requestId": ID, "status": "success"})
    assert report["record"] == {
        "requestId": ID,
        "status": "success",
        "metrics": {
            "durationMs": 1.234, "billedDurationMs": 2, "memorySizeMB": 128, "maxMemoryUsedMB": 36,
            "initDurationMs": 100.5,
        },
    }  # fmt: skip


def test_the_system_log_level_hides_records_below_it() -> None:
    info, warn = JsonLog(SUBJECT, None), JsonLog(SUBJECT, "WARN")
    fine = Report(ID, 1, 1, 1)
    failed = Report(ID, 1, 1, 1, None, "timeout", "Sandbox.Timedout")
    assert [json.loads(line)["type"] for line in info.end(NOW, fine)] == ["platform.report"]
    assert warn.start(NOW, ID) == warn.end(NOW, fine) == ()
    kinds = [json.loads(line)["type"] for line in warn.end(NOW, failed)]
    assert kinds == ["platform.runtimeDone", "platform.report"]


def test_the_format_is_chosen_by_the_function() -> None:
    assert isinstance(platform_log(SUBJECT, "Text", None), TextLog)
    assert isinstance(platform_log(SUBJECT, "JSON", "WARN"), JsonLog)
