"""How the machine is described."""

from scripts.benchmark import machine


def test_the_cpu_model_is_read_from_cpuinfo() -> None:
    assert machine.cpu_model("processor\t: 0\nmodel name\t: Some CPU @ 2.5GHz\n") == "Some CPU @ 2.5GHz"
