"""What a sweep saves of itself."""

from pathlib import Path

from omegaconf import OmegaConf

from ax_mo.hydra_project.saved import save_sweep


def test_multirun_yaml_is_the_configuration_without_passwords_of_databases(tmp_path: Path) -> None:
    config = OmegaConf.create({
        "data": "${oc.env:HOME}", "missing": "???", "url": "http://mine:pw@host",
        "hydra": {
            "sweeper": {
                "storage": "postgresql+psycopg://me:s3cret@host/db", "n_trials": 3,
                "warm_start": [{"from": "postgresql://me:s3cret@host/other/nas"}, "mysql://me:${oc.env:PW}@host/x/y"],
            },
            "overrides": {"hydra": ["hydra.sweeper.storage=mysql://me:s3cret@host/db", "hydra.sweeper.n_trials=3"]},
        },
    })  # fmt: skip
    save_sweep(config, tmp_path)
    text = (tmp_path / "multirun.yaml").read_text()
    assert "s3cret" not in text and text.count(":***@host") == 3
    saved = OmegaConf.load(tmp_path / "multirun.yaml")
    assert saved.hydra.overrides.hydra[1] == "hydra.sweeper.n_trials=3" and saved.hydra.sweeper.n_trials == 3
    for kept in ("${oc.env:HOME}", "???", "http://mine:pw@host", "me:${oc.env:PW}@host"):
        assert kept in text
