"""Shell completion: the scripts are printed, and the program answers what they ask."""

import pytest

from tests.placement.cli.conftest import Moorage


@pytest.mark.parametrize(
    ("shell", "word"), [("bash", "complete -o default -F"), ("zsh", "#compdef moorage"), ("fish", "complete --command")]
)
def test_the_script_of_a_shell_is_printed(shell: str, word: str, program: Moorage) -> None:
    ran = program(env={"_MOORAGE_COMPLETE": f"source_{shell}"})
    assert (ran.code, ran.err) == (0, "")
    assert word in ran.out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("moorage wh", {"whatif"}),
        ("moorage serv", {"serve", "server"}),
        ("moorage server re", {"release"}),
        ("moorage solve --time", {"--time-limit"}),
        ("moorage serve --max-rep", {"--max-replicas", "--max-replicas-per-role"}),
        ("moorage serve --log-level W", {"WARNING"}),
    ],
)
def test_verbs_options_and_values_are_offered(typed: str, offered: set[str], program: Moorage) -> None:
    words = {"_MOORAGE_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    ran = program(env=words)
    assert (ran.code, ran.err) == (0, "")
    assert set(ran.out.split()) == offered
