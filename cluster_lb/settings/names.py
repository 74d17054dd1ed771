"""Names as settings hold them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from cluster_lb.model.names import check_pool_name

PoolName = Annotated[str, AfterValidator(check_pool_name)]
