"""The eight-step graph with empty bodies as a Metaflow flow: a process a step, of which there is a ninth."""

# ruff: noqa: D102, ARG002 -- empty steps: their names say all there is to say

from metaflow import FlowSpec, step


class EightFlow(FlowSpec):
    """start is convert; evaluate joins the lanes, which Metaflow's own last step, end, may not do."""

    @step
    def start(self):
        self.next(self.train_a, self.train_b, self.train_c)

    @step
    def train_a(self):
        self.next(self.transform_a)

    @step
    def train_b(self):
        self.next(self.transform_b)

    @step
    def train_c(self):
        self.next(self.transform_c)

    @step
    def transform_a(self):
        self.next(self.evaluate)

    @step
    def transform_b(self):
        self.next(self.evaluate)

    @step
    def transform_c(self):
        self.next(self.evaluate)

    @step
    def evaluate(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    EightFlow()
