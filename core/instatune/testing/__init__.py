"""For authors of plugins: contracts to test a component against, fakes to test it with.

    from instatune.testing.contracts import SamplerContract

    class TestMySampler(SamplerContract):
        entry = "my_sampler"

Needs pytest to run, but imports neither pytest nor torch by itself.
"""
