"""The tables that this service owns; the graph itself lives in AGE's schema `oilgas`."""

from __future__ import annotations

import datetime as dt
import enum
import uuid

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import CheckConstraint, Column, Enum, ForeignKey, Index, Table, Text, UniqueConstraint, Uuid, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from knowledge_graph.embeddings import DIMENSIONS


class Base(DeclarativeBase):
    """Base of the service's models."""


# another service's table: only the key that our foreign key needs, never migrated from here
Table("users", Base.metadata, Column("id", Uuid, primary_key=True))


class DocumentKind(enum.StrEnum):
    """What a document is."""

    PERMIT = "permit"
    COMPLETION_REPORT = "completion_report"
    PRODUCTION_REPORT = "production_report"
    RULE = "rule"


class Document(Base):
    """A document about wells or rules."""

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("external_id", name="uq_documents_external_id"),
        CheckConstraint(r"api_number ~ '^42-\d{3}-\d{5}$'", name="ck_documents_api_number"),
        Index("idx_documents_api_number", "api_number"),
        Index("idx_documents_uploaded_by", "uploaded_by"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    external_id: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    kind: Mapped[DocumentKind] = mapped_column(
        Enum(DocumentKind, name="document_kind", values_callable=lambda kinds: [kind.value for kind in kinds])
    )
    api_number: Mapped[str | None] = mapped_column(Text)
    rrc_district: Mapped[str | None] = mapped_column(Text)
    issued_on: Mapped[dt.date]
    uploaded_by: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("users.id", name="fk_documents_uploaded_by", ondelete="SET NULL")
    )
    chunks: Mapped[list[Chunk]] = relationship(back_populates="document", cascade="all, delete-orphan")


class Chunk(Base):
    """A passage of a document with its embedding."""

    __tablename__ = "chunks"
    __table_args__ = (
        UniqueConstraint("document_id", "ordinal", name="uq_chunks_document_id_ordinal"),
        CheckConstraint("ordinal >= 0", name="ck_chunks_ordinal"),
        Index(
            "idx_chunks_embedding_hnsw",
            "embedding",
            postgresql_using="hnsw",
            postgresql_with={"m": 16, "ef_construction": 64},
            postgresql_ops={"embedding": "vector_cosine_ops"},
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    document_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("documents.id", name="fk_chunks_document_id", ondelete="CASCADE")
    )
    ordinal: Mapped[int]
    content: Mapped[str] = mapped_column(Text)
    embedding: Mapped[list[float] | None] = mapped_column(VECTOR(DIMENSIONS))
    embedding_model: Mapped[str | None] = mapped_column(Text)
    word_count: Mapped[int]
    document: Mapped[Document] = relationship(back_populates="chunks")
