"""A session whose prompt is counted by the engine, after it was opened."""

from conftest import Recorder

from gpu_probe import Probe


def events(tmp_path, use):
    recorder = Recorder()
    with Probe("cpu", state_dir=tmp_path, output=recorder, cold_start=False) as probe:
        use(probe)
    return [
        (event["tokens_in"], event["tokens_out"], event["batch_steps"])
        for event in recorder.events
        if event["phase"] == "inference"
    ]


def test_a_block_takes_the_steps_that_are_opened_in_it(tmp_path):
    def use(probe):
        with probe.session(tenant_id="a", project_id="p", model="m") as session:
            session.note_prompt(7)
            for new, context in ((7, 7), (1, 8), (1, 9)):
                with probe.step([(session, new, context)]):
                    pass

    assert events(tmp_path, use) == [(7, 3, 3)]


def test_a_block_without_such_steps_is_one(tmp_path):
    def use(probe):
        with probe.session(tenant_id="a", project_id="p", model="m", prompt_tokens=7):
            with probe.step():
                pass
            other = probe.open_session(tenant_id="b", project_id="p", model="m")
            with probe.step([(other, 1, 1)]):
                pass

    assert (7, 0, 1) in events(tmp_path, use)


def test_a_number_that_was_given_stays(tmp_path):
    def use(probe):
        with probe.session(tenant_id="a", project_id="p", model="m", prompt_tokens=4) as session:
            session.note_prompt(7)
            with probe.step([(session, 4, 4)]):
                pass

    assert events(tmp_path, use) == [(4, 1, 1)]
