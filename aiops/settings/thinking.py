"""What judges: the LLM, rules and lessons, correlation."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from aiops.domain.verdict import Budget
from aiops.settings.section import Section


class LlmProvider(Section):
    """One provider of the chain; ``[[llm.providers]]`` in the order in which they are asked."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_-]*$", description="minimax, gemini, groq, openrouter, offline, or a name of your own"
    )
    model: str = Field(default="", description="as LiteLLM names it; empty: the usual one of a provider known by name")
    api_base: str = Field(default="", description="endpoint, where it is not the provider's own")
    key_file: Path | None = Field(default=None, description="file that holds its key; empty: it needs none")
    dollars_in: float | None = Field(
        default=None, ge=0, description="price of a million tokens sent, in dollars; empty: LiteLLM's price list"
    )
    dollars_out: float | None = Field(default=None, ge=0, description="price of a million tokens received, in dollars")
    seconds: float = Field(default=0, ge=0, le=300, description="hard limit for its answer; 0: `llm.seconds`")
    folder: Path | None = Field(default=None, description="offline only: where prompts are written and answers read")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.dollars_in is None) != (self.dollars_out is None):
            raise ValueError("give both prices, dollars_in and dollars_out, or none")
        if (self.name == "offline") != (self.folder is not None):
            raise ValueError("the provider named offline, and no other, has a folder")
        if not self.model and self.name != "offline" and self.name not in USUAL_MODELS:
            raise ValueError(f"name its model; only {', '.join(USUAL_MODELS)} have a usual one")
        return self

    @property
    def litellm_model(self) -> str:
        """The model that is asked."""
        return self.model or USUAL_MODELS.get(self.name, "")


USUAL_MODELS: Final = {
    "minimax": "minimax/MiniMax-M2.5",
    "gemini": "gemini/gemini-2.5-flash",
    "groq": "groq/openai/gpt-oss-120b",
    "openrouter": "openrouter/openai/gpt-oss-120b",
}
"""What is asked of a provider that is only named."""


class Llm(Section):
    """The LLM; without ``providers`` triage stays without one and every unknown fault goes to a human."""

    providers: tuple[LlmProvider, ...] = Field(
        default=(), description="`[[llm.providers]]`, asked in this order: see [the LLM](llm.md)"
    )
    model: str = Field(default="", description="short for a single provider: its model, as LiteLLM names it")
    api_base: str = Field(default="", description="the single provider's endpoint, where it is not its own")
    key_file: Path | None = Field(default=None, description="file that holds the single provider's key")
    seconds: float = Field(default=8, gt=0, le=300, description="hard limit for the answer of one provider")
    deadline: float = Field(default=20, gt=0, le=600, description="seconds; hard limit for all providers together")
    budget_day: float = Field(default=1.0, ge=0, description="EUR that a day (UTC) may cost")
    budget_month: float = Field(default=11.0, ge=0, description="EUR that a month (UTC) may cost")
    unpriced_day: int = Field(
        default=20, ge=0, description="answers a day from models whose price nobody knows: they cannot be budgeted"
    )
    eur_per_dollar: float = Field(
        default=1.0, gt=0, description="what a dollar counts; 1 is on the careful side while the euro is worth more"
    )
    language: Literal["en", "fr"] = Field(default="en", description="of the reasons that humans read")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.model and self.providers:
            raise ValueError("name the model in [[llm.providers]]; [llm] model is for a single provider")
        names = [provider.name for provider in self.providers]
        if len(set(names)) != len(names):
            raise ValueError("two of [[llm.providers]] have the same name")
        return self

    def chain(self) -> tuple[LlmProvider, ...]:
        """The providers in order; the single one when only ``model`` is set."""
        if not self.model:
            return self.providers
        return (LlmProvider(name="llm", model=self.model, api_base=self.api_base, key_file=self.key_file),)

    def budget(self) -> Budget:
        """What may be spent."""
        return Budget(day=self.budget_day, month=self.budget_month, unpriced=self.unpriced_day)


class Known(Section):
    """What is known and needs no judgement."""

    rules: Path | None = Field(default=None, description="folder of the rules; default: the ones shipped")
    lesson_days: int = Field(
        default=180,
        ge=1,
        description="days after which a learned skill is forgotten unless a verified repair confirms it",
    )


class Correlation(Section):
    """When findings make one incident."""

    group_hosts: int = Field(default=3, ge=2, description="hosts with one cause that make one incident")
    blind_after: int = Field(default=3, ge=1, description="sweeps without a look until that is an incident")
    baseline: bool | None = Field(
        default=None,
        description="what a host's first sweep finds is one digest instead of single messages; empty: yes with an inventory",
    )
