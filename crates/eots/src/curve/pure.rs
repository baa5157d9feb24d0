//! The curve in Rust alone (k256), for builds without C.

use k256::elliptic_curve::group::prime::PrimeCurveAffine;
use k256::elliptic_curve::ops::{LinearCombination, MulByGenerator};
use k256::elliptic_curve::point::DecompactPoint;
use k256::elliptic_curve::sec1::{FromEncodedPoint, ToEncodedPoint};
use k256::{AffinePoint, EncodedPoint, FieldBytes, ProjectivePoint, Scalar};

use super::{Curve, Point};
use crate::PublicKey;

/// secp256k1 by k256: no C, builds for wasm, several times slower than libsecp256k1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pure;

impl Curve for Pure {
    fn linear_combination(&self, a: &Scalar, p: &PublicKey, b: &Scalar) -> Option<Point> {
        let p = ProjectivePoint::from(decompress(p.as_bytes())?);
        export(&ProjectivePoint::lincomb(
            &p,
            a,
            &ProjectivePoint::GENERATOR,
            b,
        ))
    }

    fn multiply_generator(&self, scalar: &Scalar) -> Option<Point> {
        export(&ProjectivePoint::mul_by_generator(scalar))
    }
}

pub(super) fn add(a: &Point, b: &Point) -> Option<Point> {
    export(&(import(a)? + import(b)?))
}

pub(super) fn lift_x(x: &[u8; 32]) -> Option<Point> {
    export(&ProjectivePoint::from(decompress(x)?))
}

fn decompress(x: &[u8; 32]) -> Option<AffinePoint> {
    Option::from(AffinePoint::decompact(&FieldBytes::from(*x)))
}

fn import(point: &Point) -> Option<ProjectivePoint> {
    let encoded = EncodedPoint::from_affine_coordinates(&point.x.into(), &point.y.into(), false);
    Option::from(ProjectivePoint::from_encoded_point(&encoded))
}

fn export(point: &ProjectivePoint) -> Option<Point> {
    let affine = point.to_affine();
    if bool::from(affine.is_identity()) {
        return None;
    }
    let encoded = affine.to_encoded_point(false);
    Some(Point {
        x: (*encoded.x()?).into(),
        y: (*encoded.y()?).into(),
    })
}
