"""What may stand on both sides of an operator: operands to a condition, or the sentence that says why not."""

from recsys.expressions.tree import Compare, Constant, Field, Flag, Has, Literal, Member, Node, Not, OneIn, Size, Value

TURNED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}  # a comparison read from the right


class Null:
    """The literal ``null``: it stands in a test for absence only."""


Operand = Node | Value | Literal | tuple[Literal, ...] | Null


class Mismatch(Exception):
    """Operands that do not go together."""


def condition(operand: Operand) -> Node:
    """What stands for itself where a condition is wanted."""
    match operand:
        case Literal(bool() as value, _):
            return Constant(value)
        case Field(_, "flag"):
            return Flag(operand)
        case Field() | Size() | Literal():
            raise Mismatch(f"this is a {operand.kind}, not a condition; compare it with something.")
        case tuple() | Null():
            raise Mismatch("this is a value, not a condition; compare a field with it.")
    return operand


def comparison(left: Operand, op: str, right: Operand) -> Node:
    """``left op right``, turned so that a field is on the left."""
    if isinstance(left, Literal | Null):
        left, right, op = right, left, TURNED[op]
    if isinstance(right, Null):
        return _absence(left, op)
    if not isinstance(left, Value) or not isinstance(right, Value | Literal):
        raise Mismatch(f"{op!r} stands between a field and a value or a field; in parentheses are conditions.")
    if left.kind != right.kind:
        raise Mismatch(f"a {left.kind} cannot be compared with a {right.kind}.")
    if left.kind == "list":
        raise Mismatch("lists are not compared; write 'a' in genres, or genres.exists(x, x == 'a').")
    if left.kind == "flag" and op not in ("==", "!="):
        raise Mismatch("flags are compared by '==' and '!=' only.")
    return Compare(op, left, right)


def membership(left: Operand, right: Operand) -> Node:
    """``left in right``."""
    if isinstance(right, Field) and right.kind == "list":
        if not isinstance(left, Literal) or left.kind != "text":
            raise Mismatch(f"a text stands before 'in', as in 'a' in {right.name}.")
        return Member(left, right)
    if not isinstance(right, tuple) or not isinstance(left, Value):
        raise Mismatch("'in' is written as 'a' in genres or as language in ['en', 'zh'].")
    if right and right[0].kind != left.kind:
        raise Mismatch(f"a {left.kind} is not in a list of the kind {right[0].kind}.")
    return OneIn(left, right)


def _absence(left: Operand, op: str) -> Node:
    if not isinstance(left, Field) or op not in ("==", "!="):
        raise Mismatch("null is compared with a field, by '==' or '!='.")
    return Has(left) if op == "!=" else Not(Has(left))
