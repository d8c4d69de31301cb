"""The graph `oilgas`: each statement is constant Cypher, its data travel as one agtype parameter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from knowledge_graph.settings import GRAPH

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

# One row a statement: UNWIND with MERGE and SET keeps only the first row's properties in AGE 1.5, which Debian ships.
OPERATORS = "MERGE (o:Operator {p5_number: $p5_number}) SET o.name = $name, o.city = $city RETURN o.p5_number"
LEASES = """
    MERGE (l:Lease {rrc_lease_id: $rrc_lease_id})
    SET l.name = $name, l.rrc_district = $rrc_district, l.lease_number = $lease_number, l.county = $county,
        l.field = $field, l.kind = $kind, l.p5_number = $p5_number
    RETURN l.rrc_lease_id
"""
WELLS = """
    MERGE (w:Well {api_number: $api_number})
    SET w.well_number = $well_number, w.rrc_lease_id = $rrc_lease_id, w.rrc_district = $rrc_district,
        w.county = $county, w.status = $status, w.spud_date = $spud_date, w.total_depth_ft = $total_depth_ft,
        w.latitude = $latitude, w.longitude = $longitude
    RETURN w.api_number
"""
OPERATES = """
    MATCH (o:Operator {p5_number: $p5_number})
    MATCH (l:Lease {rrc_lease_id: $rrc_lease_id})
    MERGE (o)-[e:OPERATES]->(l)
    RETURN id(e)
"""
LOCATED_ON = """
    MATCH (w:Well {api_number: $api_number})
    MATCH (l:Lease {rrc_lease_id: $rrc_lease_id})
    MERGE (w)-[e:LOCATED_ON]->(l)
    RETURN id(e)
"""
NEIGHBOURHOOD = """
    MATCH (w:Well {api_number: $api_number})-[:LOCATED_ON]->(l:Lease)<-[:OPERATES]-(o:Operator)
    RETURN {well: properties(w), lease: properties(l), operator: properties(o)}
"""


async def cypher(connection: AsyncConnection, query: str, **parameters: Any) -> list[Any]:
    """Run constant Cypher with `parameters`; one value a row, read as JSON.

    `query` must return one plain value (not a vertex or an edge, whose text is not JSON). It is never
    composed from data: AGE takes data only as the third argument, a parameter of the prepared statement.
    """
    sql = f"SELECT v FROM ag_catalog.cypher('{GRAPH}', $cypher${query}$cypher$, $1) AS (v ag_catalog.agtype)"  # noqa: S608
    result = await connection.exec_driver_sql(sql, (json.dumps(parameters),))
    return [json.loads(value) for (value,) in result]
